// What guests compute, without anything of the host; compute.luau is the same in Luau.

export function loops(count) {
  let sum = 0;
  for (let i = 1; i <= count; i++) sum = (sum + i * 7) % 1000003;
  return sum;
}

export function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

export function strings(count) {
  const parts = [];
  for (let i = 1; i <= count; i++) parts.push("item " + i);
  return parts.join(",").length;
}

export function sort(count) {
  const numbers = new Array(count);
  let state = 12345;
  for (let i = 0; i < count; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    numbers[i] = state;
  }
  numbers.sort((a, b) => a - b);
  return numbers[0];
}

export function json(count) {
  const items = [];
  for (let i = 1; i <= count; i++) items.push({ id: i, name: "item " + i, tags: ["a", "b"] });
  return JSON.parse(JSON.stringify(items)).length;
}
