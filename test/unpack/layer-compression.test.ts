import test from 'ava';
import { digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { layerCompression } from '../../lib/unpack/index.ts';

const layer = (mediaType: string) => ({ mediaType, digest: digestOf('x'), size: 1 });

test("a layer's media type says how it is packed, OCI's and Docker's alike", (t) => {
  t.is(layerCompression(layer(mediaTypes.ociLayer)), 'none');
  t.is(layerCompression(layer(mediaTypes.ociLayerGzip)), 'gzip');
  t.is(layerCompression(layer(mediaTypes.ociLayerZstd)), 'zstd');
  t.is(layerCompression(layer(mediaTypes.dockerLayer)), 'none');
  t.is(layerCompression(layer(mediaTypes.dockerLayerGzip)), 'gzip');
});

test('foreign layers and unknown packings are refused by name', (t) => {
  t.throws(() => layerCompression(layer(mediaTypes.dockerForeignLayerGzip)), { code: 'ERR_LAYER_FOREIGN' });
  t.throws(() => layerCompression({ ...layer(mediaTypes.ociLayer), urls: ['http://x/'] }), {
    code: 'ERR_LAYER_FOREIGN',
  });
  t.throws(() => layerCompression(layer('application/x-xz')), {
    code: 'ERR_MEDIA_TYPE_UNSUPPORTED',
    message: /application\/x-xz/,
  });
});
