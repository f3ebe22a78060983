module example.com/server

go 1.22

require (
	github.com/gorilla/mux v1.8.1
	golang.org/x/sync v0.6.0
)
