package interop

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/localkms"
)

// The Regions of the embedded KMS.
const (
	home   = "us-east-1"
	abroad = "eu-west-1"
)

// kmsServer is the embedded KMS behind HTTP, as every SDK calls it.
type kmsServer struct {
	*localkms.KMS
	url string
}

func startKMS(t *testing.T) *kmsServer {
	k, err := localkms.New(&localkms.Options{Region: home})
	require.NoError(t, err)
	server := httptest.NewServer(k)
	t.Cleanup(func() {
		server.CloseClientConnections() // of peers, which keep theirs alive
		server.Close()
		require.NoError(t, k.Close())
	})
	return &kmsServer{KMS: k, url: server.URL}
}

// newKey makes a key with an alias, and returns their ARNs.
func (k *kmsServer) newKey(t *testing.T, alias string) (keyARN, aliasARN string) {
	keyARN, err := k.NewKey(alias)
	require.NoError(t, err)
	return keyARN, keyARN[:strings.LastIndex(keyARN, ":")+1] + alias
}

// newMultiRegionKey makes a primary key at home and its replica abroad.
func (k *kmsServer) newMultiRegionKey(t *testing.T) (primaryARN, replicaARN string) {
	client := kmsClient(k.url, home)
	created, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	require.NoError(t, err)
	replica, err := client.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{
		KeyId: created.KeyMetadata.KeyId, ReplicaRegion: aws.String(abroad),
	})
	require.NoError(t, err)
	return *created.KeyMetadata.Arn, *replica.ReplicaKeyMetadata.Arn
}

// request returns a request of suite s with keys of this KMS.
func (k *kmsServer) request(s envelope.Suite, keys ...wrappingKey) *request {
	return newRequest(s, 512).with(func(r *request) { r.KMS, r.Keys = k.url, keys })
}

func atHome(kind, keyID string) wrappingKey {
	return wrappingKey{Kind: kind, KeyID: keyID, Region: home}
}

// discoveryKey returns a key that opens with whatever key arn's owner has.
func discoveryKey(kind, region, arn string) wrappingKey {
	parts := strings.Split(arn, ":")
	return wrappingKey{Kind: kind, Region: region, Partition: parts[1], Accounts: []string{parts[4]}}
}

func opening(sealing *request, keys ...wrappingKey) *request {
	return sealing.with(func(r *request) { r.Keys = keys })
}

func TestKMSKeys(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		arn, _ := k.newKey(t, "alias/orders")
		for _, suite := range suites {
			for _, size := range []int{0, 512, 700} {
				exchange(t, p, k.request(suite, atHome(kmsKey, arn)), content(size))
			}
		}
		require.NotZero(t, k.Calls("GenerateDataKey"))
		require.NotZero(t, k.Calls("Decrypt"))
	})
}

// A writer may name its key by alias; the message holds the ARN, by which every
// SDK opens. By the alias, or the bare id, we open too.
func TestKMSAliases(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		arn, aliasARN := k.newKey(t, "alias/orders")
		id := arn[strings.LastIndex(arn, "/")+1:]
		for _, name := range []string{arn, aliasARN, "alias/orders", id} {
			sealing := k.request(envelope.AES256GCMHKDFSHA512Commit, atHome(kmsKey, name))
			weSealTheyOpen(t, p, sealing, opening(sealing, atHome(kmsKey, arn)), content(700))
			theySealWeOpen(t, p, sealing, opening(sealing, atHome(kmsKey, arn)), content(700))
			theySealWeOpen(t, p, sealing, sealing, content(700))
		}
	})
}

func TestKMSDiscovery(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		arn, _ := k.newKey(t, "alias/orders")
		for _, suite := range suites {
			sealing := k.request(suite, atHome(kmsKey, arn))
			discovering := opening(sealing, discoveryKey(kmsDiscovery, home, arn))
			weSealTheyOpen(t, p, sealing, discovering, content(700))
			theySealWeOpen(t, p, sealing, discovering, content(700))
		}
	})
}

// What one replica sealed, the other opens, in its own Region.
func TestKMSMultiRegionKeys(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		primary, replica := k.newMultiRegionKey(t)
		here := wrappingKey{Kind: kmsMultiRegion, KeyID: primary, Region: home}
		there := wrappingKey{Kind: kmsMultiRegion, KeyID: replica, Region: abroad}
		for _, suite := range suites {
			for _, way := range []struct{ seals, opens wrappingKey }{
				{here, here},
				{here, there},
				{there, here},
				{here, discoveryKey(kmsMultiRegionDiscovery, abroad, primary)},
				{there, discoveryKey(kmsMultiRegionDiscovery, home, primary)},
			} {
				sealing := k.request(suite, way.seals)
				weSealTheyOpen(t, p, sealing, opening(sealing, way.opens), content(700))
				theySealWeOpen(t, p, sealing, opening(sealing, way.opens), content(700))
			}
		}
	})
}

// Several KMS keys and a raw one: each opens by itself.
func TestKMSKeysAmongOthers(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		orders, _ := k.newKey(t, "alias/orders")
		archive, _ := k.newKey(t, "alias/archive")
		keys := []wrappingKey{atHome(kmsKey, orders), atHome(kmsKey, archive), aesKey(32), rsaKey(2048, "OAEP_SHA256_MGF1")}
		for _, suite := range suites {
			sealing := k.request(suite, keys...)
			for _, key := range keys {
				weSealTheyOpen(t, p, sealing, opening(sealing, key), content(700))
				theySealWeOpen(t, p, sealing, opening(sealing, key), content(700))
			}
		}
	})
}

// KMS binds the data key to the whole context, whatever the names are made of.
func TestKMSContexts(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		arn, _ := k.newKey(t, "alias/orders")
		forEachContext(t, p, func(t *testing.T, c contextCase) {
			for _, suite := range []envelope.Suite{envelope.AES256GCMHKDFSHA512Commit, envelope.AES256GCMHKDFSHA512CommitECDSAP384} {
				req := k.request(suite, atHome(kmsKey, arn)).with(func(r *request) { r.Context = c.pairs })
				exchange(t, p, req, content(700))
			}
		})
	})
}

// Without the key, or with it disabled, neither side opens.
func TestKMSRefusals(t *testing.T) {
	forEachPeer(t, func(t *testing.T, p *peer) {
		k := startKMS(t)
		arn, _ := k.newKey(t, "alias/orders")
		other, _ := k.newKey(t, "alias/archive")
		req := k.request(envelope.AES256GCMHKDFSHA512Commit, atHome(kmsKey, arn))
		stranger := discoveryKey(kmsDiscovery, home, arn)
		stranger.Accounts = []string{"999999999999"}
		for _, by := range []party{sealwax{}, p} {
			message := mustSeal(t, by, req, content(700))
			bothRefuse(t, p, opening(req, atHome(kmsKey, other)), message, "another key")
			bothRefuse(t, p, opening(req, stranger), message, "keys of another account")

			client := kmsClient(k.url, home)
			_, err := client.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn})
			require.NoError(t, err)
			bothRefuse(t, p, req, message, "a disabled key")
			_, err = client.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &arn})
			require.NoError(t, err)
			mustOpen(t, p, req, message, content(700))
		}
	})
}
