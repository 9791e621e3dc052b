package world

import (
	"context"
	"net/http"
)

func (w *World) publicEndpoints() http.Handler {
	m := http.NewServeMux()
	m.Handle("/slack/", w.frontend())
	m.Handle("/federation", w.AWS.Federation())
	m.Handle("/console", w.AWS.Console())
	m.Handle("/console/", w.AWS.Console())
	m.Handle(ownIssuerPath+"/", w.Issuers.own)
	w.mountFakes(m)
	return m
}

// internalEndpoints are what the functions call.
func (w *World) internalEndpoints() http.Handler {
	m := http.NewServeMux()
	w.mountFakes(m)
	m.HandleFunc("GET "+issuersPath, w.Issuers.documents)
	m.Handle("POST /lambda/2015-03-31/functions/{function}/invocations", invocations{
		accessKey: w.Secrets.SlackKeys.AccessKeyID, function: functionARN("vend"), calls: w.Calls, faults: w.Faults,
		order: w.Engine.order,
	})
	return m
}

func (w *World) mountFakes(m *http.ServeMux) {
	m.Handle("/slack-api/", http.StripPrefix("/slack-api", w.Slack))
	aws := w.Roles.createOnUse(w.Secrets.VendKeys.AccessKeyID, w.AWS.AWS())
	m.Handle("/aws", http.StripPrefix("/aws", aws))
	m.Handle("/aws/", http.StripPrefix("/aws", aws))
}

// frontend is the product's HTTP API: requests become Lambda events of the slack
// function.
func (w *World) frontend() httpAPI {
	return httpAPI{
		invoke: func(ctx context.Context, event []byte) ([]byte, error) { return w.invoke(ctx, "slack", event) },
		now:    w.Clock.Now, log: w.log,
	}
}
