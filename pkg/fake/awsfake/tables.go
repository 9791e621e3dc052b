package awsfake

import (
	"encoding/json"
	"net/http"
)

// tables is the name of DynamoDB in signatures.
const tables = "dynamodb"

const tablesKind = "application/x-amz-json-1.0"

// serveTables lets Options.Tables answer a call that the caller's policies allow. It is not under
// the lock: who answers may call this server.
func (s *Server) serveTables(q request) answer {
	if f := s.mayUseTables(q); f != nil {
		return q.failed(f)
	}
	status, body := s.options.Tables(q.operation, q.body)
	return answer{status: status, kind: tablesKind, body: body}
}

func (s *Server) mayUseTables(q request) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, f := s.authenticate(q)
	if f != nil {
		return f
	}
	return s.authorize(c, tables+":"+q.operation, "*", nil)
}

// tableFailure writes an error as DynamoDB does. Its codes of refusals have a suffix.
func tableFailure(f *failure) answer {
	code := f.code
	if code == "AccessDenied" || code == "ExpiredToken" {
		code += "Exception"
	}
	body, err := json.Marshal(map[string]string{
		"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": f.message,
	})
	if err != nil {
		return answer{status: http.StatusInternalServerError} // texts always marshal
	}
	status := f.status
	if status < http.StatusInternalServerError {
		status = http.StatusBadRequest // DynamoDB has no other status for a caller's mistakes
	}
	return answer{status: status, kind: tablesKind, body: body}
}
