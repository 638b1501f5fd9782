package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// source is what the command reads.
func (c *command) source(ctx context.Context) (io.ReadCloser, error) {
	if c.in == "-" {
		return io.NopCloser(c.stdin), nil
	}
	var f *os.File
	err := await(ctx, func() (err error) { // a named pipe opens when its writer comes
		f, err = os.Open(c.in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// writeOutput lets write produce the output: on standard output, or in a file that takes its place, readable by its
// owner alone, only after write has succeeded. When ctx ends, the file is removed though write may go on: its next write
// fails, since the file is closed.
func (c *command) writeOutput(ctx context.Context, write func(io.Writer) error) error {
	if c.out == "-" {
		return await(ctx, func() error { return write(c.stdout) })
	}
	if err := c.checkPlace(); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.out), "."+filepath.Base(c.out)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing to remove once it has been renamed
	err = await(ctx, func() error { return write(f) })
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return c.place(f.Name())
}

// checkPlace spares the work that place would throw away.
func (c *command) checkPlace() error {
	if _, err := os.Lstat(c.out); err == nil && !c.force {
		return fmt.Errorf("%s is there already: %w; -f overwrites it", c.out, os.ErrExist)
	}
	return nil
}

// place gives the finished file its name. Without -f by a link, which, unlike a rename, fails if somebody else has
// taken the name meanwhile.
func (c *command) place(finished string) error {
	if c.force {
		return os.Rename(finished, c.out)
	}
	if err := os.Link(finished, c.out); err != nil {
		return fmt.Errorf("%w; -f overwrites, and also does without links", err)
	}
	return nil
}
