// A bucket on loopback that looks at no signatures and keeps nothing: what it answers is each test's affair.
//
//   const bucket = await startBucket(t);     // until the test's end; bucket.config is for [media]
//   bucket.answer = (request, response) => response.writeHead(503).end();
import { once } from 'node:events';
import http from 'node:http';

export async function startBucket(t) {
	const bucket = { answer: (request, response) => response.end(), sayContinue: (response) => response.writeContinue() };
	const server = http.createServer((request, response) => {
		request.resume();
		request.on('end', () => bucket.answer(request, response));
	});
	server.on('checkContinue', (request, response) => {
		bucket.sayContinue(response);
		server.emit('request', request, response);
	});
	await once(server.listen(0, '127.0.0.1'), 'listening');
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	bucket.config = { store: 's3', s3_endpoint: `http://127.0.0.1:${server.address().port}`, s3_bucket: 'chat', s3_key_id: 'key',
		s3_secret: 'secret' };
	return bucket;
}
