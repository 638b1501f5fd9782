package main

import (
	"context"
	"database/sql"
	"iter"
	"strconv"

	"github.com/sealwax/sealwax/envelope"
)

type customer struct {
	id     int64
	tenant string
	email  string // sealed in the database
}

// customers is a table whose column email holds messages.
type customers struct {
	db        *sql.DB
	client    *envelope.Client
	bindsRows bool // the row's id is in the context
}

// context says where a value belongs. It comes from the row that is asked for, never from the value itself.
func (c customers) context(tenant string, id int64) envelope.Context {
	ec := envelope.Context{"tenant": tenant, "table": "customers", "column": "email"}
	if c.bindsRows {
		ec["row"] = strconv.FormatInt(id, 10)
	}
	return ec
}

func (c customers) insert(ctx context.Context, tx *sql.Tx, new customer) error {
	sealed, err := c.client.Seal(ctx, []byte(new.email), c.context(new.tenant, new.id))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO customers (id, tenant, email) VALUES (?, ?, ?)`, new.id, new.tenant, sealed)
	return err
}

func (c customers) get(ctx context.Context, id int64) (customer, error) {
	return c.scan(ctx, c.db.QueryRowContext(ctx, `SELECT id, tenant, email FROM customers WHERE id = ?`, id))
}

// all yields the customers in the order of their ids, and ends with the first error.
func (c customers) all(ctx context.Context) iter.Seq2[customer, error] {
	return func(yield func(customer, error) bool) {
		result, err := c.db.QueryContext(ctx, `SELECT id, tenant, email FROM customers ORDER BY id`)
		if err != nil {
			yield(customer{}, err)
			return
		}
		defer result.Close()
		for result.Next() {
			got, err := c.scan(ctx, result)
			if !yield(got, err) || err != nil {
				return
			}
		}
		if err := result.Err(); err != nil {
			yield(customer{}, err)
		}
	}
}

func (c customers) scan(ctx context.Context, row interface{ Scan(...any) error }) (customer, error) {
	var got customer
	var sealed []byte
	if err := row.Scan(&got.id, &got.tenant, &sealed); err != nil {
		return customer{}, err
	}
	email, err := c.client.Open(ctx, sealed, c.context(got.tenant, got.id))
	if err != nil {
		return customer{}, err
	}
	got.email = string(email)
	return got, nil
}
