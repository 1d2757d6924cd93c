"""The judge of the demo model's examination, and whether the examination can tell the topics apart."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "demo_model"))
import judge  # noqa: E402

EXAMS = ROOT / "tests" / "data" / "demo"
TOPICS = ROOT / "tools" / "train-demo" / "corpus" / "topics.jsonl"
ITEM = {"question": "How much may it take?", "topic": "budget", "accept": [["max_ram*", "límite fijo"], ["memory", "RAM"]], "reject": ["no limit"]}


class Rule(unittest.TestCase):
    def accepts(self, answer, **changed):
        return judge.acceptable(answer, ITEM | changed)[0]

    def test_every_group_needs_one_of_its_words(self):
        self.assertTrue(self.accepts("Set max_ram_gb, which is memory."))
        self.assertFalse(self.accepts("Set max_ram_gb."))
        self.assertFalse(self.accepts("It is about memory."))
        self.assertFalse(self.accepts(""))

    def test_a_rejected_word_spoils_the_answer_and_the_reason_names_it(self):
        self.assertEqual(judge.acceptable("max_ram_gb: there is no limit to RAM", ITEM), (False, "has no limit"))
        self.assertEqual(judge.acceptable("max_ram_gb", ITEM), (False, "none of memory, RAM"))
        self.assertEqual(judge.acceptable("max_ram_gb of RAM", ITEM), (True, ""))

    def test_case_accents_code_marks_and_line_ends_make_no_difference(self):
        self.assertTrue(self.accepts("Un LIMITE\nfijo de ram"))
        self.assertTrue(self.accepts("un límite **fijo** de `RAM`"))
        self.assertTrue(self.accepts("I don’t know", accept=[["don't know"]]))
        self.assertTrue(self.accepts("manana", accept=[["mañana"]]))

    def test_words_are_whole_unless_a_star_ends_them(self):
        self.assertFalse(self.accepts("https", accept=[["ps"]]))
        self.assertFalse(self.accepts("the program", accept=[["ram"]]))
        self.assertFalse(self.accepts("SARAI_MEMORY_MAX_RAM_GB", accept=[["max_ram_gb"]]))
        self.assertTrue(self.accepts("memory.max_ram_gb", accept=[["max_ram_gb"]]))
        self.assertFalse(self.accepts("planned", accept=[["plan"]]))
        self.assertTrue(self.accepts("planned", accept=[["plan*"]]))
        self.assertTrue(self.accepts("in C++23", accept=[["c++"]]))
        self.assertTrue(self.accepts('say "stream": true', accept=[["stream"]]))


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sarai-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, rows):
        path = self.folder / name
        path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return str(path)

    def run_judge(self, *arguments):
        out, error, before = io.StringIO(), io.StringIO(), sys.argv
        try:
            sys.argv = ["judge.py", *arguments]
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
                return judge.main(), out.getvalue(), error.getvalue()
        finally:
            sys.argv = before

    def test_misses_are_listed_counted_and_decide_the_exit_status(self):
        exam = self.write("exam", [ITEM | {"question": str(n)} for n in range(3)])
        answers = self.write("answers", [{"question": "0", "answer": "max_ram of memory"}, {"question": "1", "answer": "a bird"}])
        status, out, _ = self.run_judge(exam, answers, "--least", "1")
        self.assertEqual(status, 0)
        self.assertIn("1 of 3 acceptable", out)
        self.assertIn("> a bird", out)
        self.assertIn("! no answer", out)
        self.assertNotIn("max_ram of memory", out)
        self.assertEqual(self.run_judge(exam, answers, "--least", "2")[0], 1)

    def test_a_file_that_cannot_be_judged_is_refused_with_its_line(self):
        answers = self.write("answers", [])
        for rows, what in (([ITEM, "{"], ":2: "), ([ITEM | {"accept": []}], ":1: accept"), ([ITEM | {"accept": [[]]}], ":1: accept"),
                           ([ITEM | {"accept": ["memory"]}], ":1: accept"), ([ITEM | {"accept": [["*"]]}], ":1: accept"),
                           ([ITEM | {"reject": [1]}], ":1: reject"), ([{"question": "?"}], ":1: topic"), (["[]"], ":1: question"),
                           ([ITEM, ITEM], ":2: this question"), ([], "no questions")):
            status, _, error = self.run_judge(self.write("exam", rows), answers)
            self.assertEqual(status, 2, rows)
            self.assertIn(what, error)
        exam = self.write("exam", [ITEM])
        self.assertEqual(self.run_judge(exam, self.write("answers", [{"question": "?"}]))[0], 2)
        self.assertEqual(self.run_judge(exam, str(self.folder / "absent"))[0], 2)


class Examination(unittest.TestCase):
    topics = {topic["id"]: topic for _, topic in judge.json_lines(TOPICS)}

    def each(self):
        for language, other in (("en", "es"), ("es", "en")):
            for item in judge.read_exam(EXAMS / f"exam_{language}.jsonl"):
                yield item, language, other

    def accepted(self, item, language):
        return {topic for topic, answer in self.topics.items() if judge.acceptable(answer[language], item)[0]}

    def test_each_language_asks_40_questions_about_40_topics(self):
        for language in ("en", "es"):
            items = judge.read_exam(EXAMS / f"exam_{language}.jsonl")
            self.assertEqual(len(items), 40)
            self.assertEqual(len({item["topic"] for item in items}), 40)

    def test_the_answers_of_the_topic_and_of_those_named_beside_it_are_acceptable_and_no_others(self):
        for item, language, _ in self.each():
            self.assertEqual(self.accepted(item, language), {item["topic"], *item.get("also", [])}, item["question"])

    def test_no_answer_in_the_other_language_is_acceptable_nor_an_echo(self):
        for item, _, other in self.each():
            self.assertEqual(self.accepted(item, other), set(), item["question"])
            self.assertFalse(judge.acceptable(item["question"], item)[0], item["question"])


if __name__ == "__main__":
    unittest.main()
