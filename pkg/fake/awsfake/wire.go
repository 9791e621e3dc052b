package awsfake

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strconv"
)

// failure is an error in an answer of AWS.
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func fail(status int, code, message string) *failure { return &failure{status, code, message} }

// answer is a complete response that was not sent yet, so that a fault can still
// replace it.
type answer struct {
	status   int
	kind     string // the Content-Type
	header   http.Header
	body     []byte
	headOnly bool // an answer to HEAD: write sends no body
}

const xmlKind = "text/xml"

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("X-Amzn-Requestid", requestID())
	w.Header().Set("Cache-Control", "no-store")
	if a.kind != "" {
		w.Header().Set("Content-Type", a.kind)
	}
	if !a.headOnly {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// requestID returns a random id in the form of AWS's request ids.
func requestID() string {
	h := hex.EncodeToString(randomBytes(16))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// XML name spaces of the services.
const (
	stsSpace = "https://sts.amazonaws.com/doc/2011-06-15/"
	iamSpace = "https://iam.amazonaws.com/doc/2010-05-08/"
	s3Space  = "http://s3.amazonaws.com/doc/2006-03-01/"
)

type metadata struct{ RequestID string }

func (m metadata) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct{ RequestId string }{m.RequestID}, start)
}

// queryAnswer is the success answer of STS or IAM: the operation's response
// element with its result inside, or without one if result is nil.
func queryAnswer(space, operation string, result any) answer {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	outer := element(operation+"Response", xml.Attr{Name: xml.Name{Local: "xmlns"}, Value: space})
	err := e.EncodeToken(outer)
	if err == nil && result != nil {
		err = e.EncodeElement(result, element(operation+"Result"))
	}
	if err == nil {
		err = e.EncodeElement(metadata{requestID()}, element("ResponseMetadata"))
	}
	if err == nil {
		err = e.EncodeToken(outer.End())
	}
	if err == nil {
		err = e.Close()
	}
	if err != nil {
		return queryFailure(space, fail(http.StatusInternalServerError, "InternalFailure", "The answer cannot be written."))
	}
	return answer{status: http.StatusOK, kind: xmlKind, body: b.Bytes()}
}

func element(name string, attributes ...xml.Attr) xml.StartElement {
	return xml.StartElement{Name: xml.Name{Local: name}, Attr: attributes}
}

// queryFailure is the error answer of STS or IAM.
func queryFailure(space string, f *failure) answer {
	kind := "Sender"
	if f.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	type detail struct{ Type, Code, Message string }
	b, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Space     string   `xml:"xmlns,attr"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{Space: space, Error: detail{kind, f.code, f.message}, RequestID: requestID()})
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{status: f.status, kind: xmlKind, body: b}
}

// s3Answer is the success answer of S3.
func s3Answer(result any) answer {
	b, err := xml.Marshal(result)
	if err != nil {
		return s3Failure(fail(http.StatusInternalServerError, "InternalError", "The answer cannot be written."))
	}
	return answer{status: http.StatusOK, kind: "application/xml", body: append([]byte(xml.Header), b...)}
}

// s3Failure is the error answer of S3.
func s3Failure(f *failure) answer {
	b, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}{Code: f.code, Message: f.message, RequestID: requestID()})
	if err != nil {
		return answer{status: http.StatusInternalServerError}
	}
	return answer{status: f.status, kind: "application/xml", body: append([]byte(xml.Header), b...)}
}
