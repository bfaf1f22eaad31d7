const protocols = ['tcp', 'udp', 'sctp'];

/** Ports of one EXPOSE that are worth writing down one by one. */
const maxRange = 1000;

/**
 * `80`, `53/udp`, `8000-8010/tcp` as an image config lists them: one `port/protocol` each.
 * @throws what `fail` makes
 */
export function parseExposed(word: string, fail: (complaint: string) => Error): string[] {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([A-Za-z]+))?$/.exec(word) ?? [];
  const [from, to] = [Number(first), Number(last)];
  const name = protocol.toLowerCase();
  const isRange = first !== '' && from >= 1 && to >= from && to <= 65_535 && to - from < maxRange;
  if (!isRange || !protocols.includes(name)) {
    throw fail(`${JSON.stringify(word)} is no port: write 80, 53/udp or 8000-8010 (${protocols.join(', ')})`);
  }
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}/${name}`);
}
