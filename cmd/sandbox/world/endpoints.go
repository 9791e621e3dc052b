package world

import (
	"context"
	"net/http"
)

func (w *World) publicEndpoints() http.Handler {
	m := http.NewServeMux()
	m.Handle("/slack/", w.frontend())
	m.Handle(commandPath, recorded{log: &w.Programs, next: w.commandAPI(), now: w.Clock.Now})
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
	m.HandleFunc("POST "+stsPath, w.asSTS)
	m.Handle("POST /lambda/2015-03-31/functions/{function}/invocations", invocations{
		invokers: invokersOf(w.Secrets), calls: w.Calls, faults: w.Faults, order: w.Engine.order, call: w.Engine.call,
	})
	return m
}

func (w *World) mountFakes(m *http.ServeMux) {
	m.Handle("/slack-api/", http.StripPrefix("/slack-api", w.Slack))
	aws := w.Roles.createOnUse(
		w.AWS.AWS(), w.Secrets.VendKeys.AccessKeyID, w.Secrets.CutKeys.AccessKeyID)
	m.Handle("/aws", http.StripPrefix("/aws", aws))
	m.Handle("/aws/", http.StripPrefix("/aws", aws))
}

// frontend is the product's HTTP API: requests become Lambda events of the slack
// function.
func (w *World) frontend() httpAPI {
	return httpAPI{
		function: "slack",
		invoke:   func(ctx context.Context, event []byte) ([]byte, error) { return w.invoke(ctx, "slack", event) },
		now:      w.Clock.Now, log: w.log,
	}
}

// commandAPI is the product's HTTP API for programs: requests become Lambda events of
// the api function.
func (w *World) commandAPI() httpAPI {
	return httpAPI{
		function: "api",
		invoke:   func(ctx context.Context, event []byte) ([]byte, error) { return w.invoke(ctx, "api", event) },
		now:      w.Clock.Now, log: w.log,
	}
}
