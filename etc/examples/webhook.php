<?php
/* Hears what happens in the chat rooms, and decides about messages: put it where [webhook] url points. */
$secret = getenv('WXCHAT_WEBHOOK_SECRET') ?: trim((string)@file_get_contents('/etc/wxchat/webhook-secret'));
$body = (string)file_get_contents('php://input');
$time = $_SERVER['HTTP_X_WXCHAT_TIMESTAMP'] ?? '';
$good = 'sha256=' . hash_hmac('sha256', "$time.$body", $secret);

if ($secret === '' || !hash_equals($good, $_SERVER['HTTP_X_WXCHAT_SIGNATURE'] ?? '') || abs(time() - (int)$time) > 300) {
	http_response_code(403);
	exit;
}
$call = json_decode($body, true);
header('Content-Type: application/json');

if ($call['type'] === 'message') {	/* [webhook] message = on: may this be said? */
	$content = $call['message']['content'] ?? '';
	if (strpos($content, '加微信') !== false)
		echo json_encode(['allow' => false, 'message' => '此处禁止广告']);
	else
		echo json_encode(['allow' => true]);
	exit;
}
foreach ($call['events'] as $event)	/* a batch may come twice, under the same name in $call['batch'] */
	error_log("chat: {$event['event']} in {$event['room']} " . ($event['uid'] ?? ''));
