// Package page holds the sandbox's web page: plain HTML, CSS and JavaScript
// modules, served without a build step. It promises to load nothing from other
// addresses and to work under the header
// Content-Security-Policy: default-src 'self', without inline scripts, inline
// styles or data: addresses. It must never turn text that came from a person
// into markup: every node is built from text (dom.js).
//
// The page uses only these controls of the sandbox, relative to its own address:
// sandbox/state, sandbox/act, sandbox/clock and sandbox/reset.
package page

import "embed"

// Files holds index.html and everything that it loads, all at the root.
//
//go:embed index.html favicon.svg style.css *.js
var Files embed.FS
