// One browser for many scenarios: tells its address in a line, and ends when its input does.
import { chromium } from 'playwright-core';
import { FLAGS } from './flags.mjs';

const server = await chromium.launchServer({ executablePath: process.env.CHROMIUM, args: FLAGS });
console.log(server.wsEndpoint());
process.stdin.resume();
process.stdin.on('end', () => server.close().then(() => process.exit(0)));
server.on('close', () => process.exit(1));
