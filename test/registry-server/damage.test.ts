import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { collectGarbage, openLocalStorage, scrubRegistry } from '../../lib/registry-server/index.ts';
import { applyRetention } from '../../lib/registry-server/maintenance/retention.ts';
import { Repository } from '../../lib/registry-server/repository.ts';
import { parseRepositoryName, parseTagName } from '../../lib/registry-server/repository-name.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openClient, sha256 } from './client.ts';

test('a manifest whose bytes were altered stops neither a collection nor a scrub, and nothing of its repository goes', async (t) => {
  const { registry, image, blob, send, folder } = await openClient(t);
  const { digest } = await image('a', 'v1');
  const layer = (await blob('a', 'unneeded')).digest;
  await blob('b', 'unneeded elsewhere');
  writeFileSync(join(folder, 'objects/blobs/sha256', digest.slice(7, 9), digest.slice(7)), '{"alt');
  t.like(await collectGarbage(registry.storage, { grace: -2000 }), { damaged: ['a'], blobs: 1 });
  t.is((await send('HEAD', `/v2/a/blobs/${layer}`)).status, 200);
  t.is((await send('DELETE', `/v2/a/blobs/${layer}`)).status, 202);
  t.like(await scrubRegistry(registry.storage), { problems: [{ what: 'corrupt', digest }] });
});

test('a tag that is set anew while the rules are applied stays', async (t) => {
  const storage = await openLocalStorage(temporaryFolder(t));
  const repository = new Repository(storage, parseRepositoryName('a'));
  const tag = parseTagName('v1');
  const [old, anew] = ['old', 'new'].map(sha256) as [never, never];
  await repository.setTag(tag, old);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const busy = new Proxy(storage, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (name !== 'stat') return typeof value === 'function' ? value.bind(target) : value;
      return async (key: string) => {
        const seen = await target.stat(key);
        await repository.setTag(tag, anew);
        return seen;
      };
    },
  });
  t.is(await applyRetention(busy, new Repository(busy, repository.name), [{ scope: '*', keepLast: 0 }]), 0);
  t.is(await repository.resolveTag(tag), anew);
});
