package localkms

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fileFormat is the version of the state file.
const fileFormat = "sealwax/localkms/v1"

// document is the state file. The checksum is the SHA-256 of State's compact JSON, in hexadecimal: it tells a damaged file
// from a good one, and guards against nothing else.
type document struct {
	Warning  string          `json:"warning"`
	Format   string          `json:"format"`
	Checksum string          `json:"checksum"`
	State    json.RawMessage `json:"state"`
}

const fileWarning = "RAW KEYS of localkms, for development and tests only"

// file is the state file while it is open.
type file struct {
	path  string
	lock  *os.File
	saved secret // the state's JSON as the file has it
}

var errLocked = errors.New("another localkms has it open; close that one, or use another file")

// open loads the state, or starts with none.
func (c *core) open(path string) error {
	if path == "" {
		c.useAccount()
		c.state = newState(c.account)
		return nil
	}
	path, err := followLinks(path)
	if err != nil {
		return fmt.Errorf("localkms: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return fmt.Errorf("localkms: %s cannot be opened: %w", path, err)
	}
	c.file = &file{path: path, lock: lock}
	if err := c.load(); err != nil {
		_ = lock.Close()
		return err
	}
	if err := c.file.guard(); err != nil {
		_ = lock.Close()
		return fmt.Errorf("localkms: %s holds raw keys and cannot be guarded: %w", path, err)
	}
	return nil
}

// maxLinks bounds how many links to a file that is still to be made are followed.
const maxLinks = 40

// followLinks is where the file stands, or will: all who open it by any name must share one lock, and replacing it must
// not replace a link to it.
func followLinks(path string) (string, error) {
	for range maxLinks {
		resolved, err := filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return resolved, err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, and not there yet
		}
		if !filepath.IsAbs(target) {
			target = filepath.Dir(path) + string(filepath.Separator) + target
		}
		path = target
	}
	return "", fmt.Errorf("%s is a symbolic link to too many others", path)
}

// guard takes from others what a copy, an editor or a crash may have left open to them: the file itself, and temporary
// files that were not renamed. The lock is held, and the file is known to be one of localkms.
func (f *file) guard() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(f.path, 0o600); err != nil {
			return err
		}
	}
	folder := filepath.Dir(f.path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !f.isTemporary(entry.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// temporaryPattern is that of the names of write's files; os.CreateTemp puts digits in the place of the star.
func (f *file) temporaryPattern() string { return filepath.Base(f.path) + ".*.tmp" }

func (f *file) isTemporary(name string) bool {
	prefix, suffix, _ := strings.Cut(f.temporaryPattern(), "*")
	number, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return false
	}
	number, ok = strings.CutSuffix(number, suffix)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// load reads the file, or makes it.
func (c *core) load() error {
	content, err := os.ReadFile(c.file.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.useAccount()
		c.state = newState(c.account)
		if err := c.save(); err != nil {
			return fmt.Errorf("localkms: %s cannot be written: %w", c.file.path, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("localkms: %w", err)
	}
	stateJSON, err := readDocument(content)
	if err != nil {
		return c.file.damaged(err)
	}
	s, err := decodeState(stateJSON)
	if err != nil {
		return c.file.damaged(err)
	}
	if c.account != "" && c.account != s.AccountID {
		return fmt.Errorf("localkms: %s belongs to account %s, not %s; give that AccountID or another file", c.file.path, s.AccountID, c.account)
	}
	c.account, c.state = s.AccountID, s
	c.file.saved = newSecret(stateJSON)
	c.due = s.nextDue()
	return nil
}

func (c *core) useAccount() {
	if c.account == "" {
		c.account = defaultAccount
	}
}

func (f *file) damaged(err error) error {
	return fmt.Errorf("localkms: %s is damaged or not a file of localkms: %w; restore it from a copy, or move it away to start with no keys", f.path, err)
}

// readDocument is the state's JSON in a file's content.
func readDocument(content []byte) ([]byte, error) {
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, err
	}
	if d.Format != fileFormat {
		return nil, fmt.Errorf("its format is %q, not %q", d.Format, fileFormat)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, d.State); err != nil {
		return nil, err
	}
	if checksum(compact.Bytes()) != d.Checksum {
		return nil, errors.New("its checksum is wrong")
	}
	return compact.Bytes(), nil
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// decodeState checks whatever the code relies on elsewhere.
func decodeState(stateJSON []byte) (*state, error) {
	s := newState("")
	if err := json.Unmarshal(stateJSON, s); err != nil {
		return nil, err
	}
	if !isAccount(s.AccountID) {
		return nil, fmt.Errorf("%q is not an account id", s.AccountID)
	}
	if s.Families == nil || s.Aliases == nil {
		return nil, errors.New("its keys or aliases are missing")
	}
	for id, f := range s.Families {
		if f == nil || f.ID != id || len(id) > 255 {
			return nil, fmt.Errorf("key %q is not what it is named", id)
		}
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("key %s: %w", id, err)
		}
	}
	for region, aliases := range s.Aliases {
		for name, a := range aliases {
			if a == nil || s.key(region, a.KeyID) == nil {
				return nil, fmt.Errorf("alias %s points at no key", name)
			}
		}
	}
	for _, g := range s.Grants {
		if g == nil || s.key(g.Region, g.KeyID) == nil {
			return nil, errors.New("a grant is for no key")
		}
	}
	return s, nil
}

// check also gives the members of the family their owner, and the key pairs their parsed keys.
func (f *family) check() error {
	s := specs[f.Spec]
	if s == nil {
		return fmt.Errorf("KeySpec %q is unknown", f.Spec)
	}
	if f.NextRotation != nil && f.RotationDays < minRotationDays {
		return fmt.Errorf("its rotation period is %d days", f.RotationDays)
	}
	if f.Current < 0 || (f.Current >= len(f.Materials) && len(f.Materials) > 0) {
		return errors.New("its current key material is missing")
	}
	if err := f.checkMaterials(s); err != nil {
		return err
	}
	if len(f.Regions) == 0 {
		return errors.New("it is in no Region")
	}
	for region, k := range f.Regions {
		if k == nil || k.Region != region {
			return fmt.Errorf("its Region %q is not what it is named", region)
		}
		if f.lacksMaterial() && !k.awaitsImport() {
			return fmt.Errorf("it is %s in %s without key material", k.State, region)
		}
		k.family = f
	}
	return nil
}

func (f *family) checkMaterials(s *spec) error {
	for i, m := range f.Materials {
		if m == nil {
			return errors.New("its key material is missing")
		}
		if m.Pending && (m.lost() || i != len(f.Materials)-1 || i == f.Current) {
			return fmt.Errorf("its key material %d cannot be one that waits for a rotation", i)
		}
		if m.lost() {
			continue
		}
		parsed, err := newMaterial(s, m.Secret.bytes(), m.Created)
		if err != nil {
			return err
		}
		if parsed.ID != m.ID {
			return fmt.Errorf("its key material %d is not what it is named", i)
		}
		m.private = parsed.private
	}
	return nil
}

// save writes the state; when it cannot, it takes back what was changed since the last time.
func (c *core) save() error {
	if c.file == nil {
		return nil
	}
	stateJSON, err := json.Marshal(c.state)
	if err == nil {
		err = c.file.write(stateJSON)
	}
	if err != nil {
		c.takeBack()
		return internal(err)
	}
	c.file.saved = newSecret(stateJSON)
	return nil
}

// takeBack makes the state the one that the file has; before the first save there is none.
func (c *core) takeBack() {
	if previous, err := decodeState(c.file.saved.bytes()); err == nil {
		c.state = previous
	}
}

// write replaces the file at once: readers see the old one or the new one, after a crash too.
func (f *file) write(stateJSON []byte) (err error) {
	content, err := json.MarshalIndent(document{Warning: fileWarning, Format: fileFormat, Checksum: checksum(stateJSON), State: stateJSON}, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.path), f.temporaryPattern()) // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	if _, err := temporary.Write(append(content, '\n')); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), f.path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(f.path))
	return nil
}

// syncFolder makes the rename last through a power failure, where folders can be synced at all.
func syncFolder(path string) {
	folder, err := os.Open(path)
	if err != nil {
		return
	}
	_ = folder.Sync()
	_ = folder.Close()
}

func (c *core) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	c.state, c.imports = newState(c.account), nil
	if c.file == nil {
		return nil
	}
	lock := c.file.lock
	c.file = nil
	return lock.Close()
}
