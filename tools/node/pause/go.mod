module github.com/fourplane/fourplane/tools/node/pause

go 1.26.0
