package s3crypto

import "reflect"

// copyFields sets every field of dst that src has by the same name and type.
// Inputs and outputs of related S3 operations name the same things alike, and
// what a new version of the SDK adds passes through as well. Both are pointers
// to structs. What must not pass is cleared in src beforehand, or in dst after.
func copyFields(dst, src any) {
	to, from := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for i := range from.NumField() {
		field := from.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" {
			continue
		}
		if target := to.FieldByName(field.Name); target.IsValid() && target.Type() == field.Type {
			target.Set(from.Field(i))
		}
	}
}

// clearChecksums clears the fields Checksum…, but for the algorithm and mode
// that the caller wants S3 to use on the stored bytes.
func clearChecksums(s any) {
	v := reflect.ValueOf(s).Elem()
	for _, name := range checksumFields {
		if f := v.FieldByName(name); f.IsValid() {
			f.SetZero()
		}
	}
}

// detach makes the pointers in a copied input point to copies: a request that is
// sent later must not see what the caller has done with its variables since.
func detach(s any) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && f.CanSet() && !f.IsNil() {
			copied := reflect.New(f.Type().Elem())
			copied.Elem().Set(f.Elem())
			f.Set(copied)
		}
	}
}
