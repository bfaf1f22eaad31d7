import test from 'ava';
import { isNotModified, parseRange, Router } from '../../lib/http/index.ts';

test('a range is what the header asks for, within what there is', (t) => {
  t.deepEqual(parseRange('bytes=0-4', 10), { start: 0, end: 4 });
  t.deepEqual(parseRange('bytes=4-', 10), { start: 4, end: 9 });
  t.deepEqual(parseRange('bytes=-4', 10), { start: 6, end: 9 });
  t.deepEqual(parseRange('bytes=-40', 10), { start: 0, end: 9 });
  t.deepEqual(parseRange('bytes=9-999', 10), { start: 9, end: 9 });
});

test('what lies behind the end cannot be satisfied, what is no range is all of it', (t) => {
  for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=5-2'])
    t.is(parseRange(header, 10), 'unsatisfiable');
  t.is(parseRange('bytes=0-', 0), 'unsatisfiable');
  for (const header of [undefined, '', 'bytes=', 'bytes=-', 'bytes=1-2,4-5', 'items=1-2'])
    t.is(parseRange(header, 10), 'whole');
});

test('a tag is compared weakly, and any is meant by an asterisk', (t) => {
  t.true(isNotModified('"a", W/"b"', '"b"'));
  t.true(isNotModified('*', '"b"'));
  t.false(isNotModified('"a"', '"b"'));
  t.false(isNotModified(undefined, '"b"'));
});

test('a route is found by method and path, and a path says which methods it has', (t) => {
  const router = new Router([
    { method: 'GET', pattern: /^\/(?<one>[a-z]+)$/, handler: 'get' },
    { method: 'PUT', pattern: /^\/(?<one>[a-z]+)$/, handler: 'put' },
  ]);
  t.deepEqual(router.find('PUT', '/x'), { handler: 'put', parameters: { one: 'x' } });
  t.deepEqual(router.find('HEAD', '/x'), { handler: 'get', parameters: { one: 'x' } });
  t.deepEqual(router.find('POST', '/x'), { allow: ['GET', 'HEAD', 'PUT'] });
  t.is(router.find('GET', '/1'), undefined);
});
