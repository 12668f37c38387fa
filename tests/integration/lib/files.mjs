// Small files of each type, as bytes; and forms that carry them.
const hex = (text) => Buffer.from(text.replace(/\s/g, ''), 'hex');

export const png = hex(`89504e470d0a1a0a 0000000d49484452000000010000000108060000001f15c489
	0000000d49444154789c626001000000ffff03000006000557bfabd4 0000000049454e44ae426082`);
export const jpeg = Buffer.concat([hex('ffd8ffe000104a46494600010101006000600000'), Buffer.alloc(200, 1), hex('ffd9')]);
export const gif = Buffer.concat([Buffer.from('GIF89a'), hex('01000100800000ffffff00000021f90401000000002c00000000010001000002024401003b')]);
export const webp = Buffer.concat([Buffer.from('RIFF'), hex('24000000'), Buffer.from('WEBPVP8 '), hex('18000000'), Buffer.alloc(24, 1)]);
export const mp3 = Buffer.concat([Buffer.from('ID3'), hex('03000000000000'), hex('fffb9064'), Buffer.alloc(413)]);
export const mp3Bare = Buffer.concat([hex('fff344c4'), Buffer.alloc(140), hex('fff344c4'), Buffer.alloc(140)]);
export const wav = Buffer.concat([Buffer.from('RIFF'), hex('24000000'), Buffer.from('WAVEfmt '), hex('10000000010001004400000044000000010008006461746100000000')]);
export const m4a = Buffer.concat([hex('00000020'), Buffer.from('ftypM4A '), hex('00000000'), Buffer.from('M4A mp42isom'), hex('00000000'), Buffer.alloc(64)]);
export const mp4 = Buffer.concat([hex('00000020'), Buffer.from('ftypisom'), hex('00000200'), Buffer.from('isomiso2avc1mp41'), Buffer.alloc(64)]);
export const aac = Buffer.concat([hex('fff15080043ffcde0200'), Buffer.alloc(300)]);
export const pdf = Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n');
export const html = Buffer.from('<!DOCTYPE html><html><script>alert(1)</script></html>');
export const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
export const elf = Buffer.concat([hex('7f454c460201010000000000000000000200 3e0001000000'), Buffer.alloc(64)]);

// What wx.uploadFile sends.
export function form(bytes, name = 'picture.png', { field = 'file', type = 'application/octet-stream', more = {} } = {}) {
	const data = new FormData();
	for (const [key, value] of Object.entries(more))
		data.append(key, value);
	data.append(field, new Blob([bytes], { type }), name);
	return data;
}
