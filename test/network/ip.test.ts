import { isIP } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { formatIp, formatSubnet, overlaps, parseIp, parseSubnet, type Subnet } from '../../lib/network/ip.ts';

test('an address is read and written in its shortest form', (t) => {
  const forms: Record<string, string> = {
    '172.17.0.2': '172.17.0.2',
    '::': '::',
    '::1': '::1',
    'FD00:0:0:0:0:0:0:2': 'fd00::2',
    'fd00:1:0:0:2:0:0:3': 'fd00:1::2:0:0:3',
    '1:2:3:4:5:6:7:8': '1:2:3:4:5:6:7:8',
    'fe80:0:1::': 'fe80:0:1::',
  };
  for (const [text, expected] of Object.entries(forms))
    t.is(formatIp(parseIp(text) ?? t.fail(text)), expected);
  for (const text of ['', '1.2.3', '1.2.3.4.5', 'fd00::1%eth0', '::ffff:1.2.3.4', '1:2', 'web'])
    t.is(parseIp(text), null, text);
});

test('what is written is read again as the same address', (t) => {
  fc.assert(
    fc.property(fc.bigInt(0n, (1n << 128n) - 1n), (value) => {
      const text = formatIp({ family: 6, value });
      return isIP(text) === 6 && parseIp(text)?.value === value;
    }),
  );
  t.pass();
});

test('a subnet begins where its prefix says', (t) => {
  t.is(formatSubnet(parseSubnet('172.30.5.9/16') as Subnet), '172.30.0.0/16');
  t.is(formatSubnet(parseSubnet('fd00:1::5/64') as Subnet), 'fd00:1::/64');
  for (const text of ['172.30.0.0', '172.30.0.0/33', 'fd00::/129', '/8', '10.0.0.0/-1'])
    t.is(parseSubnet(text), null, text);
});

test('subnets overlap when one has an address of the other', (t) => {
  const both = (one: string, other: string) =>
    overlaps(parseSubnet(one) as Subnet, parseSubnet(other) as Subnet);
  t.true(both('10.0.0.0/8', '10.1.2.0/24'));
  t.true(both('10.1.2.0/24', '10.0.0.0/8'));
  t.false(both('10.0.0.0/9', '10.128.0.0/9'));
  t.false(both('0.0.0.0/1', 'fd00::/8'));
});
