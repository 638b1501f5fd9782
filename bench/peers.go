package main

import (
	"bytes"
	"io"

	"filippo.io/age"
	"github.com/minio/sio"
	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
)

// peer is another library. It seals to and opens from memory or a stream,
// whichever it offers.
type peer struct {
	seal    func(plaintext []byte) error
	message func(plaintext []byte) ([]byte, error) // sealed, for open
	open    func(message []byte) error
}

func newOfficial(suite mpltypes.ESDKAlgorithmSuiteId, frameLength int64) (peer, error) {
	providers, err := mpl.NewClient(mpltypes.MaterialProvidersConfig{})
	if err != nil {
		return peer{}, err
	}
	keyring, err := providers.CreateRawAesKeyring(background, mpltypes.CreateRawAesKeyringInput{
		KeyNamespace: "bench", KeyName: "key", WrappingKey: make([]byte, 32),
		WrappingAlg: mpltypes.AesWrappingAlgAlgAes256GcmIv12Tag16,
	})
	if err != nil {
		return peer{}, err
	}
	client, err := esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{})
	if err != nil {
		return peer{}, err
	}
	message := func(plaintext []byte) ([]byte, error) {
		out, err := client.Encrypt(background, esdktypes.EncryptInput{
			Plaintext: plaintext, Keyring: keyring, EncryptionContext: twoPairs, AlgorithmSuiteId: &suite, FrameLength: &frameLength,
		})
		if err != nil {
			return nil, err
		}
		return out.Ciphertext, nil
	}
	return peer{
		seal:    func(plaintext []byte) error { _, err := message(plaintext); return err },
		message: message,
		open: func(message []byte) error {
			_, err := client.Decrypt(background, esdktypes.DecryptInput{Ciphertext: message, Keyring: keyring})
			return err
		},
	}, nil
}

func newSio() peer {
	config := sio.Config{Key: make([]byte, 32), CipherSuites: []byte{sio.AES_256_GCM}}
	return streamPeer(
		func(dst io.Writer, src io.Reader) error { _, err := sio.Encrypt(dst, src, config); return err },
		func(dst io.Writer, src io.Reader) error { _, err := sio.Decrypt(dst, src, config); return err },
	)
}

func newTink(segment int) (peer, error) {
	p, err := subtle.NewAESGCMHKDF(make([]byte, 32), "SHA256", 32, segment, 0)
	if err != nil {
		return peer{}, err
	}
	return streamPeer(
		func(dst io.Writer, src io.Reader) error {
			w, err := p.NewEncryptingWriter(dst, nil)
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, src); err != nil {
				return err
			}
			return w.Close()
		},
		func(dst io.Writer, src io.Reader) error {
			r, err := p.NewDecryptingReader(src, nil)
			if err != nil {
				return err
			}
			_, err = io.Copy(dst, r)
			return err
		},
	), nil
}

func newAge() (peer, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return peer{}, err
	}
	return streamPeer(
		func(dst io.Writer, src io.Reader) error {
			w, err := age.Encrypt(dst, identity.Recipient())
			if err != nil {
				return err
			}
			if _, err := io.Copy(w, src); err != nil {
				return err
			}
			return w.Close()
		},
		func(dst io.Writer, src io.Reader) error {
			r, err := age.Decrypt(src, identity)
			if err != nil {
				return err
			}
			_, err = io.Copy(dst, r)
			return err
		},
	), nil
}

// streamPeer moves content the way our streams do: from a reader that is nothing
// else, to io.Discard.
func streamPeer(seal, open func(io.Writer, io.Reader) error) peer {
	return peer{
		seal: func(plaintext []byte) error { return seal(io.Discard, onlyReader{bytes.NewReader(plaintext)}) },
		message: func(plaintext []byte) ([]byte, error) {
			var b bytes.Buffer
			err := seal(&b, bytes.NewReader(plaintext))
			return b.Bytes(), err
		},
		open: func(message []byte) error { return open(io.Discard, onlyReader{bytes.NewReader(message)}) },
	}
}
