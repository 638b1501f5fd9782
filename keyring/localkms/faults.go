package localkms

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// anyOperation is the name under which all operations are counted, and that a fault of all operations has.
const anyOperation = "*"

// Calls is how often the operation ("Decrypt", named as in AWS, in the same spelling) was asked for since New, by any
// Region's view and over HTTP. Calls that failed count, be it by a fault; each attempt of a client that retries counts.
// Calls whose context was over before they began do not, nor do HTTP requests that never became a call (malformed
// bodies, unknown operations), nor does NewKey. "*" or "" is the sum over all operations.
func (k *KMS) Calls(operation string) int {
	return k.core.watch.calls(operation)
}

// SetFault has f called at the beginning of every later call of the operation ("Decrypt", named as in AWS, in the same
// spelling), in process and over HTTP, for all Regions. "*" or "" means every operation that has no fault of its own.
// A nil f clears.
//
// What f returns is the call's error; nil lets the call go on. f may wait, and should then give up when ctx ends; the call
// holds no lock meanwhile. f is called concurrently when calls are. In process its error comes back as it is. Over HTTP it
// becomes an AWS error: a smithy.APIError keeps its code and message, with the status of its HTTPStatusCode method if
// it (or an error that wraps it) has one, else 400 for a client's fault and 500 for others; an error of the context
// becomes RequestTimeout with status 408; anything else InternalFailure with status 500.
func (k *KMS) SetFault(operation string, f func(ctx context.Context) error) {
	k.core.watch.setFault(operation, f)
}

// GrantTokens are the grant tokens that the latest call of the operation carried, in its order; nil if it had none.
func (k *KMS) GrantTokens(operation string) []string {
	return k.core.watch.grantTokens(operation)
}

// Throttled is a fault for SetFault: ThrottlingException with status 400, as from a KMS over its request quota.
// The AWS SDKs retry it.
func Throttled() func(ctx context.Context) error {
	return func(context.Context) error {
		return &smithy.GenericAPIError{
			Code:    "ThrottlingException",
			Message: *message("the rate of requests is too high; slow down and retry"),
			Fault:   smithy.FaultClient,
		}
	}
}

// Denied is a fault for SetFault: AccessDeniedException with status 400, as from a key policy that forbids the call.
// The AWS SDKs do not retry it.
func Denied() func(ctx context.Context) error {
	return func(context.Context) error {
		return accessDenied("the caller is not allowed to make this call, because a fault was set; clear it with SetFault")
	}
}

// Unavailable is a fault for SetFault: *types.KMSInternalException with status 503, as from a KMS in an outage.
// The AWS SDKs retry it.
func Unavailable() func(ctx context.Context) error {
	return func(context.Context) error {
		return &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusServiceUnavailable}},
			Err:      &types.KMSInternalException{Message: message("the service is not available, because a fault was set; clear it with SetFault")},
		}
	}
}

// Delayed is a fault for SetFault: the call begins d later, or fails with the context's error when that ends first.
func Delayed(d time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Times is a fault for SetFault: the first n calls meet f, later ones nothing. It shows that a client recovers.
func Times(n int, f func(ctx context.Context) error) func(ctx context.Context) error {
	var met atomic.Int64
	return func(ctx context.Context) error {
		if met.Add(1) > int64(n) {
			return nil
		}
		return f(ctx)
	}
}

// watch counts calls and holds the faults. It is safe for concurrent use.
type watch struct {
	mu     sync.Mutex // guards all below; never held while a fault runs
	counts map[string]int
	faults map[string]func(ctx context.Context) error
	tokens map[string][]string
}

func newWatch() *watch {
	return &watch{
		counts: map[string]int{},
		faults: map[string]func(ctx context.Context) error{},
		tokens: map[string][]string{},
	}
}

func (w *watch) begin(ctx context.Context, operation string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault := w.count(operation)
	if fault == nil {
		return nil
	}
	return fault(ctx)
}

// count counts a call and answers the fault it is to meet, or nil.
func (w *watch) count(operation string) func(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[operation]++
	w.counts[anyOperation]++
	delete(w.tokens, operation)
	if f := w.faults[operation]; f != nil {
		return f
	}
	return w.faults[anyOperation]
}

func (w *watch) calls(operation string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[orAny(operation)]
}

func (w *watch) setFault(operation string, f func(ctx context.Context) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f == nil {
		delete(w.faults, orAny(operation))
		return
	}
	w.faults[orAny(operation)] = f
}

func (w *watch) recordGrantTokens(operation string, tokens []string) {
	if len(tokens) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens[operation] = slices.Clone(tokens)
}

func (w *watch) grantTokens(operation string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.tokens[operation])
}

func orAny(operation string) string {
	if operation == "" {
		return anyOperation
	}
	return operation
}
