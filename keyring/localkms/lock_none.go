//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package localkms

import "os"

// lockFile only makes the lock file: the standard library has no lock for this system.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
