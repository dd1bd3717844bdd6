module facetbox

go 1.26
