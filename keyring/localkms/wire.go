package localkms

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/aws/smithy-go/middleware"
)

// The SDK's input and output structs have the names of KMS's JSON members, spelling included, but cannot be decoded or
// encoded by encoding/json: it takes members in any case, and times travel as seconds since 1970.

var (
	timeType     = reflect.TypeFor[time.Time]()
	bytesType    = reflect.TypeFor[[]byte]()
	metadataType = reflect.TypeFor[middleware.Metadata]()
)

// decode fills the struct that in points at. Members that it does not have are ignored, as KMS does; null is absent.
func decode(object map[string]any, in any) error {
	return decodeStruct(reflect.ValueOf(in).Elem(), object, "")
}

func decodeStruct(dst reflect.Value, object map[string]any, path string) error {
	for i := range dst.NumField() {
		field := dst.Type().Field(i)
		if !isMember(field) {
			continue
		}
		if err := decodeValue(dst.Field(i), object[field.Name], path+field.Name); err != nil {
			return err
		}
	}
	return nil
}

func isMember(field reflect.StructField) bool {
	return field.IsExported() && !field.Anonymous && field.Type != metadataType
}

func decodeValue(dst reflect.Value, src any, path string) error {
	if src == nil {
		return nil
	}
	switch {
	case dst.Type() == timeType:
		return decodeTime(dst, src, path)
	case dst.Type() == bytesType:
		return decodeBytes(dst, src, path)
	}
	switch dst.Kind() {
	case reflect.Pointer:
		value := reflect.New(dst.Type().Elem())
		dst.Set(value)
		return decodeValue(value.Elem(), src, path)
	case reflect.String:
		s, ok := src.(string)
		if !ok {
			return malformed("%s is not a string", path)
		}
		dst.SetString(s)
	case reflect.Bool:
		b, ok := src.(bool)
		if !ok {
			return malformed("%s is not a boolean", path)
		}
		dst.SetBool(b)
	case reflect.Int32:
		return decodeInt(dst, src, path)
	case reflect.Slice:
		return decodeSlice(dst, src, path)
	case reflect.Map:
		return decodeMap(dst, src, path)
	case reflect.Struct:
		object, ok := src.(map[string]any)
		if !ok {
			return malformed("%s is not an object", path)
		}
		return decodeStruct(dst, object, path+".")
	default:
		return malformed("%s cannot be given", path)
	}
	return nil
}

// decodeTime takes seconds since 1970, with a fraction.
func decodeTime(dst reflect.Value, src any, path string) error {
	number, ok := src.(json.Number)
	if !ok {
		return malformed("%s is not a time in seconds", path)
	}
	seconds, err := number.Float64()
	if err != nil || math.Abs(seconds) > 1e11 { // the year 5138, so that milliseconds stay exact
		return malformed("%s is not a time in seconds", path)
	}
	dst.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()))
	return nil
}

func decodeBytes(dst reflect.Value, src any, path string) error {
	s, ok := src.(string)
	if !ok {
		return malformed("%s is not a base64 string", path)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return malformed("%s is not base64: %v", path, err)
	}
	dst.SetBytes(b)
	return nil
}

func decodeInt(dst reflect.Value, src any, path string) error {
	number, ok := src.(json.Number)
	if !ok {
		return malformed("%s is not an integer", path)
	}
	n, err := strconv.ParseInt(number.String(), 10, 32)
	if err != nil {
		return malformed("%s is not an integer of 32 bits", path)
	}
	dst.SetInt(n)
	return nil
}

func decodeSlice(dst reflect.Value, src any, path string) error {
	list, ok := src.([]any)
	if !ok {
		return malformed("%s is not a list", path)
	}
	slice := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		if err := decodeValue(slice.Index(i), item, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	dst.Set(slice)
	return nil
}

func decodeMap(dst reflect.Value, src any, path string) error {
	object, ok := src.(map[string]any)
	if !ok {
		return malformed("%s is not an object", path)
	}
	entries := reflect.MakeMapWithSize(dst.Type(), len(object))
	for name, item := range object {
		value := reflect.New(dst.Type().Elem()).Elem()
		if item == nil {
			continue
		}
		if err := decodeValue(value, item, path+" value"); err != nil {
			return err
		}
		entries.SetMapIndex(reflect.ValueOf(name), value)
	}
	dst.Set(entries)
	return nil
}

// encode is an output struct as JSON. Members that are nil or empty strings are absent.
func encode(out any) ([]byte, error) {
	return json.Marshal(encodeStruct(reflect.ValueOf(out).Elem()))
}

func encodeStruct(src reflect.Value) map[string]any {
	object := map[string]any{}
	for i := range src.NumField() {
		if field := src.Type().Field(i); isMember(field) {
			if value := encodeValue(src.Field(i)); value != nil {
				object[field.Name] = value
			}
		}
	}
	return object
}

func encodeValue(src reflect.Value) any {
	switch {
	case src.Type() == timeType:
		t := src.Interface().(time.Time)
		return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
	case src.Type() == bytesType:
		if src.IsNil() {
			return nil
		}
		return src.Bytes()
	}
	switch src.Kind() {
	case reflect.Pointer:
		if src.IsNil() {
			return nil
		}
		if src.Elem().Kind() == reflect.String {
			return src.Elem().String() // an empty one that was set is there
		}
		return encodeValue(src.Elem())
	case reflect.String:
		if src.Len() == 0 {
			return nil
		}
		return src.String()
	case reflect.Slice:
		if src.IsNil() {
			return nil
		}
		list := make([]any, src.Len())
		for i := range list {
			list[i] = encodeValue(src.Index(i))
		}
		return list
	case reflect.Struct:
		return encodeStruct(src)
	default: // booleans, integers, and maps of strings
		if src.Kind() == reflect.Map && src.IsNil() {
			return nil
		}
		return src.Interface()
	}
}
