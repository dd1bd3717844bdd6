module bench

go 1.26

require facetbox v0.0.0

replace facetbox => ../../../bindings-c/go
