import anyTest, { type TestFn } from 'ava';
import { Netns } from '../fixtures/networks.ts';
import { openStrake, type Strake } from './strake.ts';

interface Context {
  readonly strake: Strake;
  readonly host: Netns;
  /** Standard output of a command that must succeed. */
  readonly must: (...argv: string[]) => Promise<string>;
  readonly fail: (...argv: string[]) => Promise<string>;
}

const test = anyTest as TestFn<Context>;

test.before(async (t) => {
  const [strake, host] = [await openStrake(), await Netns.make()];
  const env = { STRAKE_NETNS: host.path, STRAKE_NETWORK: '' };
  t.context = {
    strake,
    host,
    must: async (...argv) => {
      const { code, stdout, stderr } = await strake.run(argv, { env });
      if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
      return stdout;
    },
    fail: async (...argv) => {
      const { code, stderr } = await strake.run(argv, { env });
      return `${code}: ${stderr}`;
    },
  };
});
test.after.always(async (t) => {
  const { strake, host, must } = t.context;
  const ids = (await must('ps', '-aq')).split('\n').filter(Boolean);
  if (ids.length > 0) await must('rm', '-f', ...ids);
  await strake[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

test.serial('run has the default network, a port and a name, as docker shows them', async (t) => {
  const { must, strake } = t.context;
  const id = (
    await must(
      'run',
      '-d',
      '--name',
      'web',
      '-p',
      '127.0.0.1:8080:80',
      '--expose',
      '81',
      strake.image,
      'sleep',
      '60',
    )
  ).trim();
  t.is(await must('port', 'web'), '80/tcp -> 127.0.0.1:8080\n');
  t.is(await must('port', 'web', '80'), '127.0.0.1:8080\n');
  t.regex(await must('ps'), /127\.0\.0\.1:8080->80\/tcp, 81\/tcp +web/);
  const settings = JSON.parse(await must('inspect', '-f', '{{json .NetworkSettings}}', 'web'));
  t.is(settings.IPAddress, '172.17.0.2');
  t.is(settings.Gateway, '172.17.0.1');
  t.is(settings.Networks.bridge.IPPrefixLen, 16);
  t.deepEqual(settings.Ports, { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }], '81/tcp': null });
  const [bridge] = JSON.parse(await must('network', 'inspect', 'bridge'));
  t.is(bridge.Containers[id].IPv4Address, '172.17.0.2/16');
  t.deepEqual(bridge.IPAM.Config, [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }]);
  t.regex(
    await t.context.fail('run', '--rm', '-p', '127.0.0.1:8080:80', strake.image, 'true'),
    /^125: .*container web/,
  );
});

test.serial('ports change while it runs', async (t) => {
  const { must, fail } = t.context;
  await must('port', 'add', 'web', '8081:80', '127.0.0.1::81');
  t.regex(
    await must('port', 'web'),
    /80\/tcp -> 0\.0\.0\.0:8081\n80\/tcp -> \[::\]:8081\n81\/tcp -> 127\.0\.0\.1:\d+\n/,
  );
  await must('port', 'rm', 'web', '8081:80', '81');
  t.is(await must('port', 'web'), '80/tcp -> 127.0.0.1:8080\n');
  t.regex(await fail('port', 'web', '99'), /^1: strake: no public port '99\/tcp' published for web/);
});

test.serial('networks are made, listed, connected, disconnected and removed', async (t) => {
  const { must, fail } = t.context;
  const flags = [
    '--subnet',
    '10.5.0.0/24',
    '--gateway',
    '10.5.0.9',
    '--ip-range',
    '10.5.0.128/25',
    '--label',
    'a=b',
  ];
  const id = (await must('network', 'create', ...flags, '--aux-address', 'host=10.5.0.7', 'back')).trim();
  t.regex(id, /^[0-9a-f]{64}$/);
  t.regex(
    await must('network', 'ls'),
    /NETWORK ID +NAME +DRIVER +SCOPE\n[\s\S]*back +bridge +local\n[\s\S]*none +null +local\n/,
  );
  t.is(await must('network', 'ls', '-q', '--filter', 'label=a=b', '--no-trunc'), `${id}\n`);
  await must('network', 'connect', '--ip', '10.5.0.55', '--alias', 'store', 'back', 'web');
  t.is(await must('inspect', '-f', '{{.NetworkSettings.Networks.back.IPAddress}}', 'web'), '10.5.0.55\n');
  t.regex(await fail('network', 'rm', 'back'), /^1: strake: cannot remove network back: it is in use by web/);
  await must('network', 'disconnect', 'back', 'web');
  t.is(await must('network', 'rm', 'back'), 'back\n');
  t.regex(await fail('network', 'inspect', 'back'), /^1: strake: there is no network back/);
  t.is(await must('network', 'rm', '-f', 'back'), 'back\n');
});

test.serial('several networks, addresses and aliases are given on the command line', async (t) => {
  const { must, strake } = t.context;
  await must('network', 'create', '--subnet', '10.6.0.0/24', 'one');
  await must('network', 'create', '--subnet', '10.7.0.0/24', '--internal', 'two');
  const networks = ['--network', 'one', '--network', 'two:alias=db,ip=10.7.0.77', '--ip', '10.6.0.66'];
  await must(
    'run',
    '-d',
    '--name',
    'both',
    ...networks,
    '--mac-address',
    '02:00:00:00:06:66',
    strake.image,
    'sleep',
    '60',
  );
  const document = JSON.parse(await must('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'both'));
  t.is(document.one.IPAddress, '10.6.0.66');
  t.is(document.one.MacAddress, '02:00:00:00:06:66');
  t.is(document.two.IPAddress, '10.7.0.77');
  t.is(document.two.Aliases[0], 'db');
  await must('rm', '-f', 'both');
  t.is(await must('network', 'prune', '-f'), 'Deleted Networks:\none\ntwo\n');
});

test.serial('a flush by others is repaired by a reload', async (t) => {
  const { must, host } = t.context;
  await must('port', 'add', 'web', '8082:80');
  await host.must('/usr/sbin/nft flush ruleset');
  await must('network', 'reload');
  t.regex(await host.must('/usr/sbin/nft list table inet strake'), /8082/);
});

test.serial('what cannot be is an error that names it', async (t) => {
  const { fail, strake } = t.context;
  const run = (...flags: string[]) => fail('run', '--rm', ...flags, strake.image, 'true');
  t.regex(await run('--network', 'host', '--network', 'bridge'), /^125: .*--network/);
  t.regex(await run('--network', 'none', '-p', '80'), /^125: .*ports/);
  t.regex(await run('-p', '80:80:80:80'), /^125: .*--publish/);
  t.regex(await run('-p', '1-3:80-81'), /^125: .*3 ports of the host for 2/);
  t.regex(await run('--ip', '10.0.0.300'), /^125: .*networks\.ip/);
  t.regex(await run('--network', 'bridge:colour=red'), /^125: .*--network/);
  t.regex(await fail('network', 'create', 'bridge'), /^1: .*invalid network name/);
});
