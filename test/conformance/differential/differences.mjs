// What differs between two answers: values by their path, lists of named things by their names. Shared by requests and sequences.

/** What an element of a list is known by: two lists are compared by it, so that one that is missing does not shift the others. */
export function keyOf(item) {
  return (
    item?.name ||
    item?.topicName ||
    item?.topic ||
    item?.resourceName ||
    item?.groupId ||
    item?.apiKey ||
    (item?.partitionIndex ?? item?.partition)
  );
}

export function differencesOf(kafka, ottla, path = '') {
  if (Object.is(kafka, ottla)) return [];
  const both = typeof kafka === 'object' && typeof ottla === 'object' && kafka !== null && ottla !== null;
  if (!both) return [`${path || 'answer'}: kafka ${show(kafka)}, ottla ${show(ottla)}`];
  if (Array.isArray(kafka) && kafka.some((item) => keyOf(item) !== undefined))
    return differencesOfKeyed(kafka, ottla, path);
  return [...new Set([...Object.keys(kafka), ...Object.keys(ottla)])].flatMap((key) =>
    differencesOf(kafka[key], ottla[key], `${path}.${key}`),
  );
}

function differencesOfKeyed(kafka, ottla, path) {
  const grouped = (list) => {
    const map = new Map();
    for (const item of list) {
      let key = `${keyOf(item)}`;
      for (let i = 2; map.has(key); i++) key = `${keyOf(item)} again, ${i}`;
      map.set(key, item);
    }
    return map;
  };
  const [mine, others] = [grouped(kafka), grouped(ottla)];
  const onlyMine = [...mine.keys()].filter((key) => !others.has(key));
  const onlyOthers = [...others.keys()].filter((key) => !mine.has(key));
  return [
    ...(onlyMine.length > 0 ? [`${path}: only kafka has ${onlyMine.join(', ')}`] : []),
    ...(onlyOthers.length > 0 ? [`${path}: only ottla has ${onlyOthers.join(', ')}`] : []),
    ...[...mine.keys()]
      .filter((key) => others.has(key))
      .flatMap((key) => differencesOf(mine.get(key), others.get(key), `${path}[${key}]`)),
  ];
}

function show(value) {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
