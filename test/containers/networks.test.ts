import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { ContainerOptions, StartedContainer } from '../../lib/engine/index.ts';
import { type NetworkFixture, openNetworkFixture, webServer } from '../fixtures/networks.ts';

const test = anyTest as TestFn<NetworkFixture>;

test.before(async (t) => {
  t.context = await openNetworkFixture();
  await t.context.engine.networks.create('dual', { ipv6: true });
});
test.after.always((t) => t.context[Symbol.asyncDispose]());
test.afterEach.always((t) => t.context.assertNothingLeft(t));

async function start(
  { engine, image }: NetworkFixture,
  options: ContainerOptions,
): Promise<StartedContainer> {
  const container = await engine.containers.create(image, options);
  return await container.start();
}

/** What a server answers, once it serves. */
async function fetched(netns: NetworkFixture['host'], url: string): Promise<string> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { code, out } = await netns.sh(`curl -gsS -m 3 ${url}`);
    if (code === 0) return out.trim();
    if (attempt === 19) return out.trim();
    await delay(50);
  }
  return '';
}

/** Not as process 1, which no signal of a timeout's ends. */
function limited(url: string): string[] {
  return ['sh', '-c', `timeout 2 wget -qO- ${url}; exit $?`];
}

test.serial(
  'a container on the default network reaches its gateway and the world, as the host',
  async (t) => {
    const { engine, image, remote } = t.context;
    const watch = remote.sh('timeout 3 busybox nc -l -p 9000 -v 2>&1 || true');
    await delay(100);
    const { stdout, exitCode } = await engine.run(
      image,
      [
        'sh',
        '-c',
        'ip -o -4 addr show eth0; ip route; ping -c1 -W2 203.0.113.9 >&2; echo hi | nc -w1 203.0.113.9 9000; cat /etc/hosts',
      ],
      { network: 'bridge', hostname: 'box' },
    );
    t.is(exitCode, 0);
    t.regex(stdout, /inet 172\.17\.0\.\d+\/16/);
    t.regex(stdout, /default via 172\.17\.0\.1 dev eth0/);
    t.regex(stdout, /\n172\.17\.0\.\d+\tbox\n/);
    t.notRegex((await watch).out, /172\.17/, 'the world sees the host');
  },
);

test.serial(
  'a published port is reached from another host, by localhost and from containers, on both families',
  async (t) => {
    const { engine, image, host, remote } = t.context;
    await using _web = await start(t.context, {
      name: 'web',
      network: 'dual',
      argv: webServer('hello'),
      ports: [{ containerPort: 80, hostPort: 8080 }],
    });
    for (const url of ['http://198.51.100.1:8080/', 'http://[2001:db8:1::1]:8080/'])
      t.is(await fetched(remote, url), 'hello', url);
    for (const url of ['127.0.0.1', '[::1]', '198.51.100.1', '[2001:db8:1::1]'].map(
      (one) => `http://${one}:8080/`,
    ))
      t.is(await fetched(host, url), 'hello', url);
    const { stdout } = await engine.run(
      image,
      [
        'sh',
        '-c',
        'for host in 198.51.100.1 172.17.0.1; do timeout 3 wget -qO- http://$host:8080/; done; timeout 3 wget -qO- http://web/',
      ],
      { networks: [{ name: 'dual' }] },
    );
    t.is(stdout, 'hello\nhello\nhello\n');
    const own = await engine.containers.exec('web', [
      'timeout',
      '3',
      'wget',
      '-qO-',
      'http://198.51.100.1:8080/',
    ]);
    t.is(String((await own.stdout.toArray())[0]), 'hello\n');
  },
);

test.serial('what is published on one address of the host is not reached by another', async (t) => {
  const { host, remote } = t.context;
  await using _web = await start(t.context, {
    network: 'dual',
    argv: webServer('hello'),
    ports: [
      { containerPort: 80, hostPort: 8081, hostIp: '127.0.0.1' },
      { containerPort: 80, hostPort: 8082, hostIp: '198.51.100.1' },
    ],
  });
  t.is(await fetched(host, 'http://127.0.0.1:8081/'), 'hello');
  t.is(await fetched(remote, 'http://198.51.100.1:8082/'), 'hello');
  t.not((await remote.sh('curl -sS -m1 http://198.51.100.1:8081/')).code, 0);
  t.not((await host.sh('curl -sS -m1 http://127.0.0.1:8082/')).code, 0);
});

test.serial(
  'a port that is taken is refused by the name of its holder, and nothing is left of the attempt',
  async (t) => {
    const { engine, image, host } = t.context;
    const ports = [{ containerPort: 80, hostPort: 8080 }];
    await using _first = await start(t.context, {
      name: 'first',
      network: 'dual',
      argv: ['sleep', '60'],
      ports,
    });
    const refused = { code: 'ERR_PORT_IN_USE', message: /port 8080\/tcp: it is taken by container first/ };
    await t.throwsAsync(engine.run(image, ['true'], { network: 'bridge', ports }), refused);
    const server = host.sh('exec timeout 3 busybox nc -l -p 8085');
    await delay(200);
    await t.throwsAsync(
      engine.run(image, ['true'], { network: 'bridge', ports: [{ containerPort: 80, hostPort: 8085 }] }),
      { code: 'ERR_PORT_IN_USE', message: /another program/ },
    );
    await host.sh('echo | busybox nc -w1 127.0.0.1 8085');
    await server;
    await t.throwsAsync(
      engine.run(image, ['true'], {
        network: 'bridge',
        ports: [{ containerPort: 80, hostIp: '192.0.2.99' }],
      }),
      { code: 'ERR_PORT_ADDRESS_MISSING' },
    );
    const range = [{ containerPort: 80, hostPort: '8080-8081' }];
    await using second = await start(t.context, { network: 'dual', argv: ['sleep', '60'], ports: range });
    t.is((await second.inspect()).ports[0]?.hostPort, 8081);
  },
);

test.serial('ports are published and taken back while a container runs, and are remembered', async (t) => {
  const { engine, remote } = t.context;
  await using web = await start(t.context, { network: 'dual', argv: webServer('hello') });
  await web.publish({ containerPort: 80, hostPort: 8090 });
  t.is(await fetched(remote, 'http://198.51.100.1:8090/'), 'hello');
  await t.throwsAsync(web.publish({ containerPort: 80, hostPort: 8090, hostIp: '198.51.100.1' }), {
    code: 'ERR_PORT_IN_USE',
  });
  t.is(await fetched(remote, 'http://198.51.100.1:8090/'), 'hello', 'what was there is still there');
  await web.restart({ timeout: 0 });
  t.is(await fetched(remote, 'http://198.51.100.1:8090/'), 'hello');
  await engine.containers.unpublish(web.id, { containerPort: 80 });
  t.not((await remote.sh('curl -sS -m1 http://198.51.100.1:8090/')).code, 0);
  await t.throwsAsync(web.unpublish({ containerPort: 80 }), { code: 'ERR_CONTAINER_STATE' });
  await web.publish({ containerPort: 80 });
  const [{ hostPort } = { hostPort: 0 }] = (await web.inspect()).ports;
  t.true(hostPort >= 1024);
  t.is(await fetched(remote, `http://198.51.100.1:${hostPort}/`), 'hello');
});

test.serial(
  'what is published keeps its port when something else changes, and when that fails',
  async (t) => {
    const { engine } = t.context;
    await engine.networks.create('later', { subnets: [{ subnet: '10.66.0.0/29' }] });
    await using web = await start(t.context, {
      network: 'dual',
      argv: webServer('hello'),
      ports: [{ containerPort: 80, hostIp: '127.0.0.1' }],
    });
    const first = (await web.inspect()).ports;
    await web.publish({ containerPort: 81, hostPort: 8181 });
    await web.connect({ name: 'later' });
    t.deepEqual((await web.inspect()).ports.slice(0, 1), first);
    await web.disconnect('later');
    await using other = await start(t.context, {
      network: 'dual',
      argv: ['sleep', '60'],
      ports: [{ containerPort: 80, hostPort: 8282, hostIp: '127.0.0.1' }],
    });
    await t.throwsAsync(web.publish({ containerPort: 82, hostPort: 8282, hostIp: '127.0.0.1' }), {
      code: 'ERR_PORT_IN_USE',
    });
    t.deepEqual((await web.inspect()).ports.slice(0, 1), first);
    await other.stop({ timeout: 0 });
    await engine.networks.remove('later');
  },
);

test.serial('who is on no network any more can be connected again', async (t) => {
  await using box = await start(t.context, { network: 'dual', argv: ['sleep', '60'] });
  await box.disconnect('dual');
  t.notRegex((await box.run(['ip', 'addr'])).stdout, /eth0/);
  await box.restart({ timeout: 0 });
  await box.connect({ name: 'dual' });
  t.regex((await box.run(['ip', '-o', 'addr'])).stdout, /eth0 +inet 172/);
});

test.serial('a container lives on when those who come by its port take every descriptor', async (t) => {
  const { host } = t.context;
  await using web = await start(t.context, {
    network: 'dual',
    argv: webServer('hello'),
    ports: [{ containerPort: 80, hostPort: 8383 }],
  });
  const { pid } = (await web.inspect()).state as { pid: number };
  const monitor = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  for (const limit of [31, 32, 33, 34]) {
    await host.must(`prlimit --pid ${monitor} --nofile=${limit}:4096`);
    await host.sh('for n in $(seq 30); do sleep 1 | nc 127.0.0.1 8383 & done; wait');
  }
  await host.must(`prlimit --pid ${monitor} --nofile=1024:4096`);
  t.is(await fetched(host, 'http://127.0.0.1:8383/'), 'hello');
});

test.serial("a port of a monitor that was killed is the next starter's, and stays it", async (t) => {
  const { engine, remote } = t.context;
  const ports = [{ containerPort: 80, hostPort: 8484 }];
  await using dead = await start(t.context, { name: 'dead', network: 'dual', argv: ['sleep', '60'], ports });
  const { pid } = (await dead.inspect()).state as { pid: number };
  const monitor = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  process.kill(Number(monitor), 'SIGKILL');
  while (existsSync(`/proc/${pid}`)) await delay(5);
  await using _live = await start(t.context, { network: 'dual', argv: webServer('hello'), ports });
  t.is(await fetched(remote, 'http://198.51.100.1:8484/'), 'hello');
  await engine.containers.list({ all: true }); // heals the other one
  t.is(await fetched(remote, 'http://198.51.100.1:8484/'), 'hello');
});

test.serial('datagrams reach a published port, by localhost and from another host', async (t) => {
  const { engine, host, remote } = t.context;
  const echo =
    "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 53))\nwhile True: s.sendto(*s.recvfrom(99))";
  await using _echo = await engine.containers
    .create('@host', {
      network: 'dual',
      argv: ['python3', '-c', echo],
      ports: [{ containerPort: 53, hostPort: 5300, protocol: 'udp' }],
    })
    .then((made) => made.start());
  const ask = (address: string) =>
    `import socket; s = socket.socket(socket.AF_INET6 if ':' in '${address}' else socket.AF_INET, socket.SOCK_DGRAM)\ns.settimeout(0.2)\nfor n in range(20):\n  try: s.sendto(b'ping', ('${address}', 5300)); print(s.recv(9)); break\n  except OSError: pass`;
  for (const address of ['127.0.0.1', '::1', '198.51.100.1'])
    t.is((await host.sh(`python3 -c "${ask(address)}"`)).out, "b'ping'\n", address);
  t.is((await remote.sh(`python3 -c "${ask('198.51.100.1')}"`)).out, "b'ping'\n");
});

test.serial('containers find each other by name, alias and short id, as they come and go', async (t) => {
  const { engine, image } = t.context;
  await using other = await start(t.context, {
    name: 'db',
    networks: [{ name: 'dual', aliases: ['postgres'] }],
    argv: ['sleep', '60'],
  });
  const look = async (name: string) =>
    (await engine.run(image, ['nslookup', name], { network: 'dual' })).stdout.includes('172.18.');
  for (const name of ['db', 'DB', 'postgres', other.id.slice(0, 12), 'db.dual'])
    t.true(await look(name), name);
  t.false(await look('nobody'));
  await other.rename('store');
  t.true(await look('store'));
  t.false(await look('db'));
  const address = (await other.inspect()).networks.dual?.addresses[0]?.replace(/\/.*/, '') ?? '';
  const { stdout } = await engine.run(image, ['nslookup', address], { network: 'dual' });
  t.regex(stdout, /store\.dual/);
  await other.stop({ timeout: 0 });
  t.false(await look('store'));
});

test.serial('on the default network nobody is found by name, but by a link', async (t) => {
  const { engine, image } = t.context;
  await using db = await start(t.context, { name: 'db', network: 'bridge', argv: webServer('data') });
  t.not((await engine.run(image, limited('http://db/'), { network: 'bridge' })).exitCode, 0);
  const links = [{ container: 'db', alias: 'store' }];
  const argv = limited('http://store/');
  t.is((await engine.run(image, argv, { network: 'bridge', links })).stdout, 'data\n');
  await db.stop({ timeout: 0 });
  await t.throwsAsync(engine.run(image, argv, { network: 'bridge', links }), { code: 'ERR_CONTAINER_STATE' });
});

test.serial(
  'outside names are asked for at the resolvers, by udp and tcp, and never from an internal network',
  async (t) => {
    const { engine, image, remote, directory } = t.context;
    const log = `${directory}/dns.log`;
    const serve = `exec dnsmasq --keep-in-foreground --no-resolv --no-hosts --port=53 --log-queries --log-facility=${log} --user=root --pid-file= --address=/outside.test/192.0.2.7 ${Array.from({ length: 60 }, (_, n) => `--host-record=many.test,192.0.2.${n + 1}`).join(' ')}`;
    const server = remote.sh(serve);
    await delay(300);
    const dns = { servers: ['203.0.113.9'] };
    await using box = await engine.containers
      .create('@host', {
        network: 'dual',
        dns,
        argv: ['sleep', '60'],
      })
      .then((made) => made.start());
    const dig = async (...words: string[]) =>
      (await box.run(['dig', '+time=2', '+tries=1', ...words])).stdout;
    t.is(await dig('+short', 'outside.test'), '192.0.2.7\n');
    t.is(await dig('+short', '+tcp', 'outside.test'), '192.0.2.7\n');
    t.is((await dig('+short', 'many.test')).trim().split('\n').length, 60);
    t.regex(await dig('+ignore', '+noedns', 'many.test'), /flags:[^;]* tc[ ;]/);
    t.regex(await dig('outside.test', 'A'), /status: NOERROR/);
    await engine.networks.create('inner', { internal: true });
    const { stdout } = await engine.run('@host', ['dig', '+time=2', '+tries=1', 'leak.outside.test'], {
      network: 'inner',
      dns,
    });
    t.regex(stdout, /status: SERVFAIL/);
    t.notRegex(readFileSync(log, 'utf8'), /leak/);
    t.regex(readFileSync(log, 'utf8'), /outside/);
    await engine.networks.remove('inner');
    await box[Symbol.asyncDispose]();
    await remote.sh(`kill $(ss -Hlpun | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2)`);
    await server;
    void image;
  },
);

test.serial('networks are isolated from each other, and an internal one from everybody', async (t) => {
  const { engine, image } = t.context;
  await engine.networks.create('inner', { internal: true });
  await using web = await start(t.context, { name: 'web', network: 'dual', argv: webServer('hello') });
  const address = (await web.inspect()).networks.dual?.addresses[0]?.replace(/\/.*/, '') ?? '';
  const ask = async (network: string, url = `http://${address}/`) =>
    (await engine.run(image, limited(url), { network })).exitCode;
  t.is(await ask('dual'), 0);
  t.not(await ask('bridge'), 0);
  t.not(await ask('inner'), 0);
  const { exitCode } = await engine.run(image, ['ping', '-c1', '-W1', '203.0.113.9'], { network: 'inner' });
  t.not(exitCode, 0);
  await engine.networks.remove('inner');
});

test.serial('a running container is connected with a network, and disconnected', async (t) => {
  const { engine, image } = t.context;
  await engine.networks.create('second');
  await using web = await start(t.context, { name: 'web', network: 'bridge', argv: webServer('hello') });
  const fetch = async () => (await engine.run(image, limited('http://alias/'), { network: 'second' })).stdout;
  t.not(await fetch(), 'hello\n');
  await web.connect({ name: 'second', aliases: ['alias'] });
  t.is(await fetch(), 'hello\n');
  await t.throwsAsync(web.connect({ name: 'second' }), { code: 'ERR_CONTAINER_STATE' });
  t.deepEqual(Object.keys((await web.inspect()).networks), ['bridge', 'second']);
  await t.throwsAsync(engine.networks.remove('second'), { code: 'ERR_NETWORK_IN_USE', message: /by web/ });
  await web.disconnect('bridge');
  t.regex((await web.run(['ip', 'route'])).stdout, /default via 172\.19\.0\.1 dev eth1/);
  await web.restart({ timeout: 0 });
  t.is(await fetch(), 'hello\n');
  await web.disconnect('second');
  t.not(await fetch(), 'hello\n');
  await engine.networks.remove('second');
});

test.serial('each start and end is told of to the networks, and what happens between them', async (t) => {
  const { engine } = t.context;
  const since = new Date();
  const { id } = await engine.networks.create('told');
  const first = (await engine.networks.inspect('bridge')).id;
  const box = await engine.containers.create(t.context.image, { network: 'bridge', argv: ['sleep', '60'] });
  await box.start();
  await box.connect({ name: 'told' });
  await box.stop({ timeout: 0 });
  await box.disconnect('bridge');
  await box.start();
  await box.disconnect('told');
  await box.remove({ force: true });
  await engine.networks.remove('told');
  const told = [];
  for await (const event of engine.events({ since, until: new Date(), filters: { type: ['network'] } })) {
    told.push(`${event.action} ${event.id === id ? 'told' : event.id === first ? 'bridge' : event.id}`);
    if (event.id === id && event.action.endsWith('connect'))
      t.deepEqual(event.attributes, { container: box.id, name: 'told', type: 'bridge' });
  }
  t.deepEqual(told, [
    'create told',
    ...['connect bridge', 'connect told', 'disconnect bridge', 'disconnect told'],
    ...['disconnect bridge', 'connect told', 'disconnect told'],
    'destroy told',
  ]);
});

test.serial(
  "a running container's files in /etc follow its networks, and keep what it has written itself",
  async (t) => {
    const { engine } = t.context;
    await engine.networks.create('other');
    await using box = await start(t.context, { network: 'bridge', hostname: 'box', argv: ['sleep', '60'] });
    const read = async (path: string) => (await box.run(['cat', path])).stdout;
    const resolver = await read('/etc/resolv.conf');
    await box.run(['sh', '-c', 'echo "192.0.2.7 printer" >>/etc/hosts']);
    await box.connect({ name: 'other' });
    const address = (await box.inspect()).networks.other?.addresses[0]?.replace(/\/.*/, '');
    const changed = await read('/etc/hosts');
    t.true(changed.includes('192.0.2.7 printer\n') && changed.endsWith(`${address}\tbox\n`), changed);
    t.regex(changed, /\n172\.17\S+\tbox\n/);
    t.regex(await read('/etc/resolv.conf'), /^nameserver 127\.0\.0\.11\n/);
    await box.disconnect('other');
    t.notRegex(await read('/etc/hosts'), new RegExp(`${address}\t`));
    t.regex(await read('/etc/hosts'), /192\.0\.2\.7 printer/);
    t.is(await read('/etc/resolv.conf'), resolver);
    await box.run(['sh', '-c', 'echo "nameserver 192.0.2.53" >/etc/resolv.conf']);
    await box.connect({ name: 'other' });
    t.is(await read('/etc/resolv.conf'), 'nameserver 192.0.2.53\n');
    await box.disconnect('other');
    await box.run(['sh', '-c', "printf '192.0.2.8 caf\\351' >>/etc/hosts"]);
    await box.connect({ name: 'other' });
    const hosts = Buffer.from(readFileSync(join(engine.runDir, 'containers', box.id, 'hosts'))).toString(
      'latin1',
    );
    t.regex(hosts, /\n192\.0\.2\.8 caf\xe9\n(\S+\tbox\n)+$/);
    const huge = await box.run(['sh', '-c', 'exec dd if=/dev/null of=/etc/hosts bs=1M seek=1048576']);
    t.is(huge.exitCode, 0, huge.stderr);
    await box.disconnect('other');
    t.deepEqual(Object.keys((await box.inspect()).networks), ['bridge']);
    await box.kill();
    await box.wait();
    await engine.networks.remove('other');
  },
);

test.serial('no address waits for its duplicates to be looked for', async (t) => {
  const { engine, host, image } = t.context;
  const network = await engine.networks.create('fresh', { ipv6: true });
  const bridge = await host.must(`ip -6 addr show sb-${network.id.slice(0, 12)}`);
  const { stdout } = await engine.run(image, ['ip', '-6', 'addr', 'show', 'eth0'], { network: 'fresh' });
  for (const addresses of [bridge, stdout]) {
    t.regex(addresses, /inet6 fe80:/);
    t.notRegex(addresses, /tentative/);
  }
  await engine.networks.remove('fresh');
});

test.serial('addresses are given as asked for, and nobody gets one twice', async (t) => {
  const { engine, image } = t.context;
  await engine.networks.create('small', {
    subnets: [{ subnet: '10.99.0.0/29', auxiliary: { printer: '10.99.0.6' } }],
  });
  const networks = [{ name: 'small', ip: '10.99.0.5', mac: '02:42:0a:63:00:99' }];
  await using fixed = await start(t.context, { networks, argv: ['sleep', '60'] });
  t.like((await fixed.inspect()).networks.small, { addresses: ['10.99.0.5/29'], mac: '02:42:0a:63:00:99' });
  await t.throwsAsync(engine.run(image, ['true'], { networks }), { code: 'ERR_ADDRESS_IN_USE' });
  for (const ip of ['10.99.0.1', '10.99.0.6', '10.99.0.7', '10.98.0.2'])
    await t.throwsAsync(engine.run(image, ['true'], { networks: [{ name: 'small', ip }] }), {
      code: 'ERR_NETWORK_OPTION_INVALID',
    });
  const more = await Promise.all(
    [1, 2, 3].map(() => start(t.context, { network: 'small', argv: ['sleep', '60'] })),
  );
  const addresses = await Promise.all(
    more.map(async (one) => (await one.inspect()).networks.small?.addresses[0]),
  );
  t.deepEqual([...new Set(addresses)].sort(), ['10.99.0.2/29', '10.99.0.3/29', '10.99.0.4/29']);
  await t.throwsAsync(engine.run(image, ['true'], { network: 'small' }), { code: 'ERR_ADDRESSES_EXHAUSTED' });
  await Promise.all(more.map((one) => one[Symbol.asyncDispose]()));
  t.is((await engine.run(image, ['true'], { network: 'small' })).exitCode, 0);
  await fixed[Symbol.asyncDispose]();
  await engine.networks.remove('small');
});

test.serial('a container can have the network of another one', async (t) => {
  const { engine, image } = t.context;
  await using web = await start(t.context, { name: 'web', network: 'dual', argv: webServer('hello') });
  await fetched(
    t.context.host,
    `http://${(await web.inspect()).networks.dual?.addresses[0]?.replace(/\/.*/, '')}/`,
  );
  const network = 'container:web';
  t.is((await engine.run(image, ['wget', '-qO-', 'http://127.0.0.1/'], { network })).stdout, 'hello\n');
  await web.stop({ timeout: 0 });
  await t.throwsAsync(engine.run(image, ['true'], { network }), { code: 'ERR_CONTAINER_STATE' });
});

test.serial('a restart by policy connects anew, with the same address and port', async (t) => {
  const { remote } = t.context;
  await using web = await start(t.context, {
    network: 'dual',
    argv: webServer('hello'),
    restart: 'always',
    ports: [{ containerPort: 80, hostPort: 8099 }],
  });
  const before = (await web.inspect()).networks.dual?.addresses;
  t.is(await fetched(remote, 'http://198.51.100.1:8099/'), 'hello');
  process.kill(web.pid, 'SIGKILL');
  await delay(400);
  t.is(await fetched(remote, 'http://198.51.100.1:8099/'), 'hello');
  t.deepEqual((await web.inspect()).networks.dual?.addresses, before);
});

test.serial('what a killed monitor leaves is taken away by the next command', async (t) => {
  const { engine, holdings } = t.context;
  const web = await start(t.context, {
    name: 'web',
    network: 'dual',
    argv: ['sleep', '60'],
    ports: [{ containerPort: 80, hostPort: 8098 }],
  });
  const { monitorPid } = JSON.parse(readFileSync(`${engine.runDir}/containers/${web.id}/state.json`, 'utf8'));
  process.kill(monitorPid, 'SIGKILL');
  await delay(100);
  t.not((await holdings()).length, 0);
  await engine.containers.list({ all: true });
  await t.context.assertNothingLeft(t);
  await web[Symbol.asyncDispose]();
});

test.serial('rules that somebody flushes are made anew by a reload, and by the next start', async (t) => {
  const { engine, image, host, remote } = t.context;
  await using _web = await start(t.context, {
    network: 'dual',
    argv: webServer('hello'),
    ports: [{ containerPort: 80, hostPort: 8097 }],
  });
  const url = 'http://198.51.100.1:8097/';
  t.is(await fetched(remote, url), 'hello');
  await host.must('/usr/sbin/nft flush ruleset');
  await engine.networks.reload();
  t.regex(await host.must('/usr/sbin/nft list table inet strake'), /8097/);
  t.is(await fetched(remote, url), 'hello');
  await host.must('/usr/sbin/nft flush ruleset');
  await engine.run(image, ['true'], { network: 'bridge' });
  t.regex(await host.must('/usr/sbin/nft list table inet strake'), /8097/);
  t.is(await fetched(remote, url), 'hello');
});

test.serial('nginx of Debian serves through a published port', async (t) => {
  const { engine, remote } = t.context;
  await using _nginx = await engine.containers
    .create('@host', {
      network: 'bridge',
      argv: ['nginx', '-g', 'daemon off;'],
      ports: [{ containerPort: 80, hostPort: 8096 }],
    })
    .then((made) => made.start());
  t.regex(await fetched(remote, 'http://198.51.100.1:8096/'), /nginx/i);
});

test.serial('thirty containers at once have thirty addresses, and leave nothing', async (t) => {
  const { engine, image } = t.context;
  const runs = await Promise.all(
    Array.from({ length: 30 }, () =>
      engine.run(image, ['ip', '-o', '-4', 'addr', 'show', 'eth0'], { network: 'dual' }),
    ),
  );
  const addresses = runs.map(({ stdout }) => /inet ([\d.]+)/.exec(stdout)?.[1]);
  t.is(new Set(addresses).size, 30);
});
