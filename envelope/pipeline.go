package envelope

import "fmt"

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
		queue  = make(chan flight[B], len(p.batches))
		failed = make(chan struct{}) // closed when consuming has failed
		result = make(chan error, 1)
	)
	go func() { result <- p.consumeAll(queue, free, failed) }()

	err := p.produceAll(queue, free, failed)
	consumeErr := <-result
	if panicked, ok := consumeErr.(*panicError); ok {
		panic(panicked.value) // where the caller can recover
	}
	if consumeErr != nil {
		return consumeErr // it comes first in the message
	}
	return err
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
// still under way.
func (p *pipeline[B]) consumeAll(queue <-chan flight[B], free chan<- *B, failed chan<- struct{}) error {
	var first error
	for f := range queue {
		err := <-f.done
		if first == nil && err == nil {
			err = p.consumeOne(f.batch)
		}
		if first == nil && err != nil {
			first = err
			close(failed)
		}
		free <- f.batch
	}
	return first
}

// consumeOne makes a panic of the destination an error, for the caller's
// goroutine to panic with.
func (p *pipeline[B]) consumeOne(b *B) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v}
		}
	}()
	return p.consume(b)
}

type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprint("panic: ", e.value) }
