// Command column seals the values of a database column, through database/sql on SQLite, and counts what that costs in
// KMS calls with the cache of data keys. It runs twice, each time on 10,000 rows of 100 tenants:
//
//   - With tenant, table and column in the encryption context, all rows of a tenant share a data key: 100 calls. A value
//     that somebody copies to another tenant's row does not open there; one copied within the tenant does.
//   - With the row's id as well, a value opens in no other row. But the whole context is the cache's identity: 10,000
//     calls.
//
// It runs without an AWS account: the KMS is package localkms, in this process.
//
//	go run .
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"

	_ "modernc.org/sqlite"

	"github.com/sealwax/sealwax/cache"
	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyring/awskms"
	"github.com/sealwax/sealwax/keyring/localkms"
)

const (
	tenants       = 100
	rowsPerTenant = 100
	rows          = tenants * rowsPerTenant
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "column:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	if err := demonstrate(ctx, out, plan{
		title: "tenant, table and column in the context",
		calls: tenants,
		moves: map[string]error{"within the tenant": nil, "to another tenant": envelope.ErrContext},
	}); err != nil {
		return err
	}
	return demonstrate(ctx, out, plan{
		title:     "the row's id as well",
		bindsRows: true,
		calls:     rows,
		moves:     map[string]error{"within the tenant": envelope.ErrContext, "to another tenant": envelope.ErrContext},
	})
}

// plan is one run and what is expected of it.
type plan struct {
	title     string
	bindsRows bool
	calls     int              // of KMS, to seal all rows; and again to open them
	moves     map[string]error // what comes of a value that was moved
}

func demonstrate(ctx context.Context, out io.Writer, p plan) (err error) {
	kms, err := localkms.New(nil)
	if err != nil {
		return err
	}
	defer kms.Close()
	keyARN, err := kms.NewKey("alias/column")
	if err != nil {
		return err
	}
	ring, err := awskms.NewKeyring(kms, keyARN)
	if err != nil {
		return err
	}
	keys, err := cache.New(ring, nil)
	if err != nil {
		return err
	}
	defer keys.Close()
	client, err := envelope.New(keys, nil)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "column-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := openDatabase(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	c := customers{db: db, client: client, bindsRows: p.bindsRows}
	d := demo{customers: c, plan: p, kms: kms, out: out}
	fmt.Fprintf(out, "%s\n", p.title)
	for _, step := range []func(context.Context) error{d.fill, d.readAll, d.lookForPlaintext, d.moveWithinTenant, d.moveToAnotherTenant} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
	}
	return nil
}

type demo struct {
	customers
	plan
	kms *localkms.KMS
	out io.Writer
}

func (d demo) line(what, format string, args ...any) {
	fmt.Fprintf(d.out, "  %-20s %s\n", what, fmt.Sprintf(format, args...))
}

// row returns the n-th customer; customers of the tenants alternate.
func row(n int) customer {
	return customer{id: int64(n + 1), tenant: fmt.Sprintf("tenant-%02d", n%tenants), email: fmt.Sprintf("customer-%d@example.com", n)}
}

func (d demo) fill(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for n := range rows {
		if err := d.insert(ctx, tx, row(n)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	calls := d.kms.Calls("GenerateDataKey")
	d.line("sealed", "%d rows of %d tenants with %d KMS calls", rows, tenants, calls)
	return expect("GenerateDataKey calls", calls, d.calls)
}

func (d demo) readAll(ctx context.Context) error {
	n := 0
	for got, err := range d.all(ctx) {
		if err != nil {
			return err
		}
		if got != row(n) {
			return fmt.Errorf("row %d came back as something else", n+1)
		}
		n++
	}
	if err := expect("rows", n, rows); err != nil {
		return err
	}
	calls := d.kms.Calls("Decrypt")
	d.line("opened", "%d rows with %d KMS calls", n, calls)
	return expect("Decrypt calls", calls, d.calls)
}

// lookForPlaintext looks at the database as its thief does.
func (d demo) lookForPlaintext(ctx context.Context) error {
	var found, length int
	const query = `SELECT count(*) FILTER (WHERE instr(email, CAST('example.com' AS BLOB)) > 0), max(length(email)) FROM customers`
	if err := d.db.QueryRowContext(ctx, query).Scan(&found, &length); err != nil {
		return err
	}
	d.line("in the table", "%d plaintexts; at most %d bytes a value, with its data key wrapped and its context", found, length)
	return expect("plaintexts", found, 0)
}

func (d demo) moveWithinTenant(ctx context.Context) error {
	return d.move(ctx, "within the tenant", row(0).id, row(tenants).id)
}

func (d demo) moveToAnotherTenant(ctx context.Context) error {
	return d.move(ctx, "to another tenant", row(0).id, row(1).id)
}

// move copies a sealed value to another row, as somebody who can write to the database does, and opens it there.
func (d demo) move(ctx context.Context, what string, from, to int64) error {
	const copyValue = `UPDATE customers SET email = (SELECT email FROM customers WHERE id = ?) WHERE id = ?`
	if _, err := d.db.ExecContext(ctx, copyValue, from, to); err != nil {
		return err
	}
	_, err := d.get(ctx, to)
	want := d.moves[what]
	switch {
	case want == nil && err == nil:
		d.line("moved", "%s: opens, nothing binds it to its row", what)
	case want != nil && errors.Is(err, want):
		d.line("moved", "%s: refused, %v", what, err)
	default:
		return fmt.Errorf("a value moved %s: error %v, expected %v", what, err, want)
	}
	return nil
}

func expect(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%d %s, expected %d", got, what, want)
	}
	return nil
}

func openDatabase(ctx context.Context, dir string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dir+"/customers.db")
	if err != nil {
		return nil, err
	}
	const schema = `CREATE TABLE customers (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, email BLOB NOT NULL)`
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
