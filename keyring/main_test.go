package keyring_test

import (
	"testing"

	"github.com/sealwax/sealwax/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
