/* test_xml.c - WeChat's XML messages become the JSON that they are in the other format. */
#include "unit.h"

#include "fcgi-login/xml.h"

static void messages_become_objects(void **state)
{
	static const struct {
		const char *sentence, *xml, *json;
	} rows[] = {
		{ "texts", "<xml><a>1</a><b>x y</b></xml>", "{\"a\":\"1\",\"b\":\"x y\"}" },
		{ "CDATA", "<xml><a><![CDATA[<x>&]]></a></xml>", "{\"a\":\"<x>&\"}" },
		{ "CDATA in two", "<xml><a><![CDATA[x]]]]><![CDATA[>y]]></a></xml>", "{\"a\":\"x]]>y\"}" },
		{ "the five entities", "<xml><a>&lt;&amp;&gt;&quot;&apos;&#20320;</a></xml>", "{\"a\":\"<&>\\\"'你\"}" },
		{ "blanks at the ends are dropped", "<xml>\n <a>\n x\n</a>\n</xml>", "{\"a\":\"x\"}" },
		{ "nested elements", "<xml><r><s>pass</s></r></xml>", "{\"r\":{\"s\":\"pass\"}}" },
		{ "what comes again is an array", "<xml><i>1</i><i>2</i><i>3</i></xml>", "{\"i\":[\"1\",\"2\",\"3\"]}" },
		{ "an empty element is an empty text", "<xml><a/></xml>", "{\"a\":\"\"}" },
		{ "attributes and comments are nobody's", "<xml x='1'><!-- c --><a y=\"2\">1</a></xml>", "{\"a\":\"1\"}" },
		{ "a declaration may stand before", "<?xml version=\"1.0\"?><xml><a>1</a></xml>", "{\"a\":\"1\"}" },
		{ "a message without elements is none", "<xml>text</xml>", NULL },
		{ "an unclosed element", "<xml><a>1</xml>", NULL },
		{ "something behind it", "<xml><a>1</a></xml>x", NULL },
		{ "two roots", "<a><b/></a><c/>", NULL },
		{ "a DOCTYPE", "<!DOCTYPE xml><xml><a>1</a></xml>", NULL },
		{ "a DOCTYPE with entities", "<!DOCTYPE x [<!ENTITY e \"e\">]><xml><a>&e;</a></xml>", NULL },
		{ "an unknown entity", "<xml><a>&e;</a></xml>", NULL },
		{ "bytes that are no UTF-8", "<xml><a>\xff</a></xml>", NULL },
		{ "nested seven deep", "<xml><a><a><a><a><a><a><a>1</a></a></a></a></a></a></a></xml>",
		  "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"1\"}}}}}}}" },
		{ "nested eight deep", "<xml><a><a><a><a><a><a><a><a>1</a></a></a></a></a></a></a></a></xml>", NULL },
		{ "nothing", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text = exact_text(rows[i].xml, &len);
		struct json_object *o = xml_parse(text, len);
		struct buf out = BUF_INIT;

		if (o)
			assert_int_equal(json_add(&out, o), 0);
		if (!o != !rows[i].json || (o && strcmp(out.data, rows[i].json) != 0))
			ROW_FAILS(rows[i].sentence, "%s", o ? out.data : "refused");
		json_object_put(o);
		buf_free(&out);
		for (size_t cut = 0; cut < len; cut++) {
			char *part = exact(rows[i].xml, cut);

			json_object_put(xml_parse(part, cut));
			free(part);
		}
		free(text);
	}
}

static void elements_are_counted(void **state)
{
	struct buf many = BUF_INIT;
	struct json_object *o;

	(void)state;
	buf_adds(&many, "<xml>");
	for (int i = 1; i < XML_ELEMENTS_MAX; i++)
		buf_adds(&many, "<a/>");
	buf_adds(&many, "</xml>");
	o = xml_parse(many.data, many.len);
	assert_non_null(o);
	json_object_put(o);
	many.len -= 6;
	buf_adds(&many, "<a/></xml>");
	assert_null(xml_parse(many.data, many.len));
	buf_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_become_objects),
		cmocka_unit_test(elements_are_counted),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
