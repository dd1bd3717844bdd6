module facetbox

go 1.25
