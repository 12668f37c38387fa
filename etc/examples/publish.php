<?php
/* Says something in a chat room from a PHP script: copy this function.
 *   wxchat_publish('lobby', ['text' => true, 'content' => '您的订单已发货'], 'order-4711');
 * $cid makes it harmless to call again: the same one within ten minutes is shown once.
 * Returns the server's answer (with 'id'); throws RuntimeException when it was refused or not heard. */
function wxchat_publish(string $room, array $message, string $cid = '', array $who = []): array
{
	$base = getenv('WXCHAT_ADMIN_URL') ?: 'http://127.0.0.1:8766';
	$file = getenv('WXCHAT_ADMIN_TOKEN_FILE') ?: '/etc/wxchat/token';
	$token = strtok((string)file_get_contents($file), "\r\n");
	$body = ['room' => $room, 'message' => $message] + $who;	/* who: uid, nickName, avatarUrl */
	if ($cid !== '')
		$body['cid'] = $cid;
	$context = stream_context_create(['http' => [
		'method' => 'POST',
		'header' => "Authorization: Bearer $token\r\nContent-Type: application/json\r\n",
		'content' => json_encode($body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR),
		'timeout' => 5,
		'ignore_errors' => true,	/* refusals come with a body that says why */
	]]);
	$text = @file_get_contents("$base/api/publish", false, $context);
	$answer = $text === false ? null : json_decode($text, true);
	if (!is_array($answer))
		throw new RuntimeException("the chat server does not answer at $base");
	if (empty($answer['ok']))
		throw new RuntimeException($answer['error'] . ': ' . $answer['message']);
	return $answer;
}

if (PHP_SAPI === 'cli' && isset($argv[2]) && realpath($argv[0]) === __FILE__)	/* php publish.php ROOM TEXT [CID] */
	echo wxchat_publish($argv[1], ['text' => true, 'content' => $argv[2]], $argv[3] ?? '')['id'], "\n";
