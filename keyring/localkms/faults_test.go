package localkms_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyring/localkms"
)

func random(ctx context.Context, c api) error {
	_, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)})
	return err
}

func TestCallsCountsEveryAttempt(t *testing.T) {
	bothWays(t, func(t *testing.T, k *localkms.KMS, in func(string) api) {
		require.Zero(t, k.Calls("GenerateRandom"))
		require.NoError(t, random(t.Context(), in(home)))
		require.NoError(t, random(t.Context(), in(away)))
		_, err := in(home).Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: []byte("garbage")})
		require.Error(t, err)
		require.Equal(t, 2, k.Calls("GenerateRandom"))
		require.Equal(t, 2, k.InRegion(away).Calls("GenerateRandom"))
		require.Equal(t, 1, k.Calls("Decrypt"), "a failed call counts")
		require.Equal(t, 3, k.Calls("*"))
		require.Equal(t, 3, k.Calls(""))

		k.SetFault("GenerateRandom", localkms.Denied())
		require.Error(t, random(t.Context(), in(home)))
		require.Equal(t, 3, k.Calls("GenerateRandom"), "a call that meets a fault counts")

		over, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, random(over, in(home)), context.Canceled)
		require.Equal(t, 3, k.Calls("GenerateRandom"), "a call that never began does not count")

		_, err = k.NewKey("")
		require.NoError(t, err)
		require.Zero(t, k.Calls("CreateKey"))
	})
}

func TestFaultsOfTheirOwnName(t *testing.T) {
	for name, c := range map[string]struct {
		fault  func(context.Context) error
		code   string
		status int
	}{
		"throttled":   {localkms.Throttled(), "ThrottlingException", 400},
		"denied":      {localkms.Denied(), "AccessDeniedException", 400},
		"unavailable": {localkms.Unavailable(), "KMSInternalException", 503},
	} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, k *localkms.KMS, in func(string) api) {
				k.SetFault("GenerateRandom", c.fault)
				err := random(t.Context(), in(home))
				requireCode(t, err, c.code)
				var status interface{ HTTPStatusCode() int }
				if errors.As(err, &status) {
					require.Equal(t, c.status, status.HTTPStatusCode())
				}
				_, err = in(home).ListKeys(t.Context(), nil)
				require.NoError(t, err, "another operation meets nothing")
				k.SetFault("GenerateRandom", nil)
				require.NoError(t, random(t.Context(), in(home)))
			})
		})
	}
}

func TestUnavailableIsTyped(t *testing.T) {
	bothWays(t, func(t *testing.T, k *localkms.KMS, in func(string) api) {
		k.SetFault("*", localkms.Unavailable())
		requireAs[*types.KMSInternalException](t, random(t.Context(), in(home)))
	})
}

func TestFaultOfAllOperationsYieldsToOneOfItsOwn(t *testing.T) {
	for _, all := range []string{"*", ""} {
		bothWays(t, func(t *testing.T, k *localkms.KMS, in func(string) api) {
			k.SetFault(all, localkms.Denied())
			k.SetFault("GenerateRandom", localkms.Throttled())
			requireCode(t, random(t.Context(), in(home)), "ThrottlingException")
			_, err := in(away).ListKeys(t.Context(), nil)
			requireCode(t, err, "AccessDeniedException")
			k.SetFault(all, nil)
			_, err = in(away).ListKeys(t.Context(), nil)
			require.NoError(t, err)
		})
	}
}

func TestFaultOfOnesOwn(t *testing.T) {
	errOwn := errors.New("the cable was cut")
	for name, c := range map[string]struct {
		err    error
		code   string // over HTTP
		status int
	}{
		"plain error":       {errOwn, "InternalFailure", 500},
		"deadline exceeded": {context.DeadlineExceeded, "RequestTimeout", 408},
		"client's fault":    {&types.LimitExceededException{}, "LimitExceededException", 400},
		"server's fault":    {&types.DependencyTimeoutException{}, "DependencyTimeoutException", 500},
		"unknown fault":     {&smithy.GenericAPIError{Code: "Strange"}, "Strange", 500},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			k.SetFault("GenerateRandom", func(context.Context) error { return c.err })
			require.Equal(t, c.err, random(t.Context(), k), "in process as it is")
			err := random(t.Context(), newClient(t, k, home))
			requireCode(t, err, c.code)
			var status interface{ HTTPStatusCode() int }
			require.ErrorAs(t, err, &status)
			require.Equal(t, c.status, status.HTTPStatusCode())
		})
	}
}

func TestDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := localkms.New(nil)
		require.NoError(t, err)
		k.SetFault("GenerateRandom", localkms.Delayed(time.Hour))
		begin := time.Now()
		require.NoError(t, random(t.Context(), k))
		require.Equal(t, time.Hour, time.Since(begin))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, random(ctx, k), context.DeadlineExceeded)
		require.Equal(t, time.Hour+time.Minute, time.Since(begin))
	})
}

func TestDelayedEndsWithTheClientsRequest(t *testing.T) {
	k := newKMS(t)
	c := newClient(t, k, home)
	entered, ended := make(chan struct{}), make(chan error, 1)
	k.SetFault("GenerateRandom", func(ctx context.Context) error {
		close(entered)
		err := localkms.Delayed(time.Hour)(ctx)
		ended <- err
		return err
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	require.ErrorIs(t, random(ctx, c), context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestThrottledIsRetriedByTheSDK(t *testing.T) {
	k := newKMS(t)
	k.SetFault("GenerateRandom", localkms.Times(2, localkms.Throttled()))
	c := newClient(t, k, home)
	_, err := c.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)}, func(o *kms.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	})
	require.NoError(t, err)
	require.Equal(t, 3, k.Calls("GenerateRandom"))
}

func TestRegionOfOneCall(t *testing.T) {
	bothWays(t, func(t *testing.T, _ *localkms.KMS, in func(string) api) {
		key, err := in(home).CreateKey(t.Context(), nil, func(o *kms.Options) { o.Region = away })
		require.NoError(t, err)
		require.Contains(t, *key.KeyMetadata.Arn, ":"+away+":")
		_, err = in(home).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyMetadata.KeyId})
		requireAs[*types.NotFoundException](t, err)
	})
}
