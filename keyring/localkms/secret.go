package localkms

import (
	"encoding/json"
)

// secret holds key bytes where no print verb reaches them: fmt prints a function as an address, whatever the verb.
// It does go into JSON, for the state file; nothing else in the package marshals it.
type secret struct {
	reveal func() []byte // nil: there are none
}

func newSecret(b []byte) secret {
	return secret{reveal: func() []byte { return b }}
}

// bytes are the secret's own; do not change them.
func (s secret) bytes() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// MarshalJSON writes the bytes in base64.
func (s secret) MarshalJSON() ([]byte, error) {
	return json.Marshal(s.bytes())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *secret) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return err
	}
	*s = secret{}
	if b != nil {
		*s = newSecret(b)
	}
	return nil
}
