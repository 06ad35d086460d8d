/**
 * `name`, or the first of `name` + separator + 2, 3, … that is not taken.
 * @param taken  in lower case: warehouses tell no letter case apart in names of columns
 */
export function freeName(name: string, taken: ReadonlySet<string>, separator = '_'): string {
  let free = name;
  for (let version = 2; taken.has(free.toLowerCase()); version += 1)
    free = `${name}${separator}${version}`;
  return free;
}
