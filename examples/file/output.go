package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// source is what the command reads.
func (c *command) source() (io.ReadCloser, error) {
	if c.in == "-" {
		return io.NopCloser(c.stdin), nil
	}
	return os.Open(c.in)
}

// writeOutput lets write produce the output: on standard output, or in a file that takes its place, readable by its
// owner alone, only after write has succeeded.
func (c *command) writeOutput(write func(io.Writer) error) error {
	if c.out == "-" {
		return write(c.stdout)
	}
	if err := c.checkPlace(); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.out), "."+filepath.Base(c.out)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing to remove once it has been renamed
	err = write(f)
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
