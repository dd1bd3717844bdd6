"use strict";

// JavaScript values that the native half refers to by number: functions, objects, classes, instances,
// start callbacks and exceptions. Each stays here until the native half releases it.

const values = new Map();
let last = 0;

function add(value) {
  do {
    last = (last + 1) >>> 0;
  } while (last === 0 || values.has(last));
  values.set(last, value);
  return last;
}

module.exports = {
  add,
  get: (id) => values.get(id),
  release: (id) => values.delete(id),
  count: () => values.size,
};
