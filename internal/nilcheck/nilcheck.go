// Package nilcheck finds the nil pointers that hide in interfaces.
package nilcheck

import "reflect"

// IsNil reports whether v is nil, or an interface that holds a nil pointer: what
// becomes of a constructor's result when its error is not looked at.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}
