import { useState } from 'preact/hooks';
import type { RepositorySummary } from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { count, formatSize } from '../format.ts';
import { useLoad } from '../load.ts';
import { Command } from '../parts/copy-button.tsx';
import { Pager, pageSize, Search, Table } from '../parts/list.tsx';
import { Empty, WhenLoaded } from '../parts/notice.tsx';
import { Age, Badge, Heading } from '../parts/text.tsx';
import { Link } from '../router.tsx';

const columns = [
  { name: 'Repository' },
  { name: 'Tags', isNumber: true },
  { name: 'Size', isNumber: true },
  { name: 'Updated', isWide: true },
];

/** All that may be pulled. */
export function Repositories() {
  const [q, setText] = useState('');
  const [from, setFrom] = useState(0);
  const page = { q, from, n: pageSize };
  const loaded = useLoad(
    `repositories ${q} ${from}`,
    () => api.repositories(page),
    ({ topic }) => topic === 'repositories',
  );
  const search = (text: string) => {
    setText(text);
    setFrom(0);
  };
  return (
    <>
      <Heading title="Repositories" />
      <div class="toolbar">
        <Search label="Search repositories" onText={search} />
        {loaded.value && <span class="dim">{count(loaded.value.total, 'repository', 'repositories')}</span>}
      </div>
      <WhenLoaded loaded={loaded}>
        {({ items, total }) =>
          total === 0 ? (
            <Nothing q={q} />
          ) : (
            <>
              <Table caption="Repositories" columns={columns}>
                {items.map((one) => (
                  <Row key={one.name} repository={one} />
                ))}
              </Table>
              <Pager from={from} total={total} onFrom={setFrom} />
            </>
          )
        }
      </WhenLoaded>
    </>
  );
}

function Row({ repository }: { readonly repository: RepositorySummary }) {
  const { name, tags, bytes, updatedAt, mirrorOf } = repository;
  return (
    <tr>
      <th scope="row">
        <Link to={{ page: 'repository', name }} class="name">
          {name}
        </Link>
        {mirrorOf !== undefined && <Badge tone="mirror">mirror</Badge>}
      </th>
      <td class="number">{tags}</td>
      <td class="number">{bytes === undefined ? '…' : formatSize(bytes)}</td>
      <td class="wide">
        <Age time={updatedAt} />
      </td>
    </tr>
  );
}

function Nothing({ q }: { readonly q: string }) {
  if (q !== '') return <Empty>Nothing that you may pull has “{q}” in its name.</Empty>;
  return (
    <Empty>
      <p>There is nothing here that you may pull, yet. Push something:</p>
      <Command text={`docker push ${location.host}/team/app:1`} what="command" />
    </Empty>
  );
}
