package sandboxtest

import (
	"bytes"
	"fmt"
)

// Crowd is a body of the people control with many people and one group of them
// all, S0ALL.
func Crowd(people int) []byte {
	var body bytes.Buffer
	body.WriteString(`{"users":[`)
	for i := range people {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"U1%06d","name":"person%d","email":"person%d@example.com"}`, i, i, i)
	}
	body.WriteString(`],"groups":{"S0ALL":[`)
	for i := range people {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `"U1%06d"`, i)
	}
	body.WriteString(`]}}`)
	return body.Bytes()
}
