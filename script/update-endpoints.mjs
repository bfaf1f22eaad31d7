#!/usr/bin/env node
// Writes the table of docs/engine-api.md from the routes.
//
//   node --import=tsx script/update-endpoints.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { apiRoutes, endpointsTable, withEndpoints } from '../lib/engine-api/index.ts';

const page = fileURLToPath(new URL('../docs/engine-api.md', import.meta.url));
writeFileSync(page, withEndpoints(readFileSync(page, 'utf8'), endpointsTable(apiRoutes)));
