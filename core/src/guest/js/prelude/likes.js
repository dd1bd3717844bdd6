// What is like an array: the arguments of a function, a text, a typed array, a proxy of an array, an object with a length.
//
// The engine's methods walk it without a look at the guest's limits, and it could change its length after it was looked at.
// So its items are put into an array, which is nobody else's, and put back if the method changes them.

const { is } = Object;
const { max, min, trunc } = Math;
const MAX_LENGTH = 2 ** 24;

/** An array of its items; where one is missing, it is missing there, too. */
export function listOf(like) {
  if (like == null) throw new TypeError("A method of arrays can't be called on null or undefined.");
  const items = Object(like);
  const length = min(max(trunc(Number(items.length)) || 0, 0), Number.MAX_SAFE_INTEGER);
  const list = [];
  if (length > MAX_LENGTH) list.length = MAX_LENGTH + 1; // which is refused
  else {
    for (let at = 0; at < length; at++) if (at in items) list[at] = items[at];
    if (list.length < length) list.length = length;
  }
  return list;
}

/** Puts the items of `list` where they were taken from, as far as they aren't there. Gives the object. */
export function putBack(like, list, length, resizes) {
  const items = Object(like);
  for (let at = 0; at < list.length; at++) {
    if (!(at in list)) delete items[at];
    else if (!(at in items) || !is(items[at], list[at])) items[at] = list[at];
  }
  for (let at = length - 1; at >= list.length; at--) delete items[at];
  if (resizes) items.length = list.length;
  return items;
}
