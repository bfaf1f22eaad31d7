import type { ApiRoute } from './route.ts';

/** The table of docs/engine-api.md: what is answered, in the order of the paths. */
export function endpointsTable(routes: readonly ApiRoute[]): string {
  const rows = [...routes]
    .sort(
      (left, right) =>
        left.path.localeCompare(right.path, 'en') || left.method.localeCompare(right.method, 'en'),
    )
    .map(
      ({ method, path, summary, note = '' }) =>
        `| \`${method} ${path.replaceAll('...', '')}\` | ${summary} | ${note} |`,
    );
  return ['| endpoint | what it does | otherwise than docker |', '|---|---|---|', ...rows].join('\n');
}

/** A page with the table between its marks, `<!-- endpoints -->` and `<!-- /endpoints -->`. */
export function withEndpoints(page: string, table: string): string {
  return page.replace(
    /(<!-- endpoints -->\n).*?(<!-- \/endpoints -->)/s,
    (_all, begin, end) => `${begin}\n${table}\n\n${end}`,
  );
}
