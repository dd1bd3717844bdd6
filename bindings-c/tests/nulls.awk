# From facetbox.h (preprocessed, from standard input), for test_nulls.c: calls of every function with
# arguments that are all 0 or absent, with a handle as the first of them, and with texts and bytes that have a
# length but no data.

function zero(type, text) {
    if (type ~ /facetbox_(str|bytes)_t$/) return "(" type ")" text
    return "0"
}

# The arguments of a call: `first` in place of the first, `text` for texts.
function arguments(first, text,    i, list) {
    for (i = 1; i <= count; i++)
        list = list (i > 1 ? ", " : "") (i == 1 && first != "" ? first : zero(types[i], text))
    return list
}

# One call, and what becomes of its result: an error, a handle that is the caller's, or something else.
function emit(with_nothing, call,    type, makes_errors) {
    type = result
    makes_errors = name ~ /^facetbox_error_(new|no_.*|clone)$/
    if (result ~ /^facetbox_error_t \*$/ && with_nothing && !makes_errors) print "    refused(\"" name "\", " call ");"
    else if (result ~ /^facetbox_[a-z_]+_t \*$/ && result !~ /headers/) {
        sub(/_t \*$/, "", type)
        print "    " type "_free(" call ");"
    } else print "    (void)" call ";"
    calls++
}

BEGIN { print "static void call_everything(void) {" }

{ gsub(/^#.*/, ""); text = text " " $0 }

END {
    total = split(text, declarations, ";")
    for (at = 1; at <= total; at++) {
        declaration = declarations[at]
        gsub(/[ \t\n]+/, " ", declaration)
        gsub(/struct facetbox/, "facetbox", declaration)
        sub(/.*[{}] /, "", declaration)
        if (!match(declaration, /facetbox_[a-z0-9_]+\(/) || declaration ~ /typedef|extern "C"|return|static/) continue
        name = substr(declaration, RSTART, RLENGTH - 1)
        result = substr(declaration, 1, RSTART - 1)
        sub(/^ +/, "", result)
        parameters = substr(declaration, RSTART + RLENGTH)
        sub(/\)[^)]*$/, "", parameters)
        count = parameters ~ /^(void)?$/ ? 0 : split(parameters, types, ", ?")
        for (i = 1; i <= count; i++) {
            sub(/[a-z0-9_]+$/, "", types[i])
            sub(/^ +/, "", types[i])
            sub(/ +$/, "", types[i])
        }
        emit(1, name "(" arguments("", "{0, 0}") ")")
        if (count > 0 && parameters ~ /facetbox_(str|bytes)_t [a-z]/)
            emit(0, name "(" arguments("", "{0, 5}") ")")
        if (count > 0 && types[1] ~ /facetbox_[a-z_]+_t \*$/ && name !~ /_(free|close|ctx_abort)$/) {
            handle = types[1]
            sub(/^const /, "", handle)
            sub(/ \*$/, "", handle)
            emit(0, name "(" arguments("handles." handle, "{0, 0}") ")")
        }
    }    print "}\nenum { CALLS = " calls " };"
}
