// facetbox.hpp: the C++17 face of facetbox.h. Everything is inline, so that a program includes
// this one header, which includes its pieces in facetbox/, and links libfacetbox.
//
// Each class owns a handle of the C library and frees it. What fails throws facetbox::Error. An
// exception that your own code throws travels as an error through guest code, which may catch it, and
// comes out at whoever called as the exception that it was. The comments of facetbox.h say what each
// operation does; here stands only what differs. `examples/cpp/platform.cpp` is a whole program.
//
//     class Adder : public facetbox::DurableObject {
//     public:
//         using DurableObject::DurableObject;
//         facetbox::Value call(std::string_view method, facetbox::ValueView args) override {
//             if (method != "add") return DurableObject::call(method, args);
//             return args[0].to_int() + args[1].to_int();
//         }
//     };
//
//     auto runtime = facetbox::Runtime::open("./data");
//     auto adders = runtime.define<Adder>("Adder");
//     int64_t sum = adders.get_by_name("a").call("add", 1, 2).to_int();
//
// Threads: as in C, all objects may be used by several threads as long as none of them changes it.

#ifndef FACETBOX_HPP
#define FACETBOX_HPP

#include <facetbox/guide.hpp>
#include <facetbox/runtime.hpp>

#endif
