"use strict";

module.exports = {
  UNDEFINED: 0,
  NULL: 1,
  FALSE: 2,
  TRUE: 3,
  INT: 4,
  FLOAT: 5,
  STRING: 6,
  BYTES: 7,
  LIST: 8,
  MAP: 9,
  DICT: 10,
  SET: 11,
  DATE: 12,
  BIGINT: 13,
  ERROR: 14,
  CAPABILITY: 15,
  REFERENCE: 16,
  FUNCTION: 17,
  OBJECT: 18,
  CLASS: 19,
};
