package envelope

import (
	"fmt"
	"runtime"
)

// A pipeline moves the batches of a message through three stages: produce, on
// the caller's goroutine and in order; work, on goroutines of its own; consume,
// in order again. It ends when the caller's call ends: no goroutine outlives it.
//
//	produce ─► work ─┐
//	produce ─► work ─┼─► consume, in the order of produce
//	produce ─► work ─┘
//
// B holds a batch's buffers. Batches are reused, so that memory is bounded by
// their number, however slow a stage is.
type pipeline[B any] struct {
	batches []*B // as many as may be on their way at once

	// produce fills a batch. It returns false when there is none left. An error
	// ends the pipeline after the batches before it have been consumed.
	produce func(*B) (bool, error)
	work    func(*B) error
	consume func(*B) error
}

type flight[B any] struct {
	batch *B
	done  chan error // receives work's answer
}

func (p *pipeline[B]) run() error {
	free := make(chan *B, len(p.batches))
	for _, b := range p.batches {
		free <- b
	}
	var (
		queue    = make(chan flight[B], len(p.batches))
		failed   = make(chan struct{}) // closed when consuming has failed
		consumed = make(chan error, 1)
	)
	go p.consumeAll(queue, free, failed, consumed)

	var produceErr, consumeErr error
	func() {
		// Also if producing panics, nothing outlives the call.
		defer func() { consumeErr = <-consumed }()
		produceErr = p.produceAll(queue, free, failed)
	}()
	if exit, ok := consumeErr.(*exitError); ok {
		exit.repeat()
	}
	if consumeErr != nil {
		return consumeErr // it comes first in the message
	}
	return produceErr
}

func (p *pipeline[B]) produceAll(queue chan<- flight[B], free <-chan *B, failed <-chan struct{}) error {
	defer close(queue) // also if produce panics: then consuming ends as well
	for {
		select {
		case <-failed:
			return nil
		case b := <-free:
			more, err := p.produce(b)
			if err != nil || !more {
				return err
			}
			f := flight[B]{batch: b, done: make(chan error, 1)}
			go func() { f.done <- p.work(b) }()
			queue <- f
		}
	}
}

// consumeAll consumes until a batch fails, and then waits for the work that is
// still under way. It sends the first failure; a panic of the destination is
// one, and so is its runtime.Goexit, which would end this goroutine instead of
// the caller's.
func (p *pipeline[B]) consumeAll(queue <-chan flight[B], free chan<- *B, failed chan<- struct{}, consumed chan<- error) {
	first, returned := error(nil), false
	defer func() {
		if !returned {
			first = &exitError{panicked: recover()}
			close(failed)
			for f := range queue {
				<-f.done
			}
		}
		consumed <- first
	}()
	for f := range queue {
		err := <-f.done
		if first == nil && err == nil {
			err = p.consume(f.batch)
		}
		if first == nil && err != nil {
			first = err
			close(failed)
		}
		free <- f.batch
	}
	returned = true
}

// exitError says that consuming did not return.
type exitError struct{ panicked any } // nil: runtime.Goexit

// repeat ends the caller's goroutine as the other one was ended.
func (e *exitError) repeat() {
	if e.panicked == nil {
		runtime.Goexit()
	}
	panic(e.panicked)
}

func (e *exitError) Error() string { return fmt.Sprint("panic: ", e.panicked) }
