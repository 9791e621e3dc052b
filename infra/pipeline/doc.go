// Package pipeline tests the examples for pipelines: a CodeBuild project with its role and buildspecs, and
// a workflow for GitHub. docs/pipelines.md explains them. Neither was run where it belongs. It contains
// only tests.
package pipeline
