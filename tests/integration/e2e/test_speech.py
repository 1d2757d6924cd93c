"""Speech in and out: real decoders, real espeak-ng, a real worker on a synthetic model, OpenAI's client unmodified.

What the synthetic model hears is noise; times, lengths and formats are what counts here."""
import concurrent.futures
import http.client
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import openai

from harness import MODELS, SANITIZED, Case, Sarai, children_of, local, main, name_of, wait_until
from media import png, wav

OMNI = f"backend: gguf_native, path: '{MODELS}/omni.gguf', mmproj: '{MODELS}/omni-mmproj.gguf', context_length: 4096, threads: 1"
SPANISH = "Hola, ¿cómo está usted? El tren de Sevilla sale a las ocho y media de la mañana. Buen viaje, y hasta pronto."
ENGLISH = "Hello, how are you? The train to London leaves at half past eight in the morning. Have a good journey."


def form(file=None, name="a.wav", kind="audio/wav", **fields):
    parts = [f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields.items()]
    if file is not None:
        parts.append(f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + file + b"\r\n")
    return b"".join(parts) + b"--b--\r\n"


def hear(sarai, body, path="/v1/audio/transcriptions", content_type="multipart/form-data; boundary=b"):
    return sarai.request("POST", path, body, {"Content-Type": content_type}, timeout=300)


def say(sarai, text="Hello there.", timeout=60, **more):
    return sarai.request("POST", "/v1/audio/speech", {"model": "tts-1", "input": text, "voice": "alloy", **more}, timeout=timeout)


def probe(data, *arguments):
    """Codec, rate, channels and the seconds that a decoder makes of it."""
    told = subprocess.run(["ffprobe", "-v", "error", *arguments, "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "json", "-i", "pipe:0"],
                          input=data, capture_output=True)
    assert told.returncode == 0, told.stderr
    stream = json.loads(told.stdout)["streams"][0]
    raw = subprocess.run(["ffmpeg", "-v", "error", *arguments, "-i", "pipe:0", "-f", "s16le", "-ar", "16000", "-ac", "1", "pipe:1"], input=data, capture_output=True)
    assert raw.returncode == 0 and not raw.stderr, raw.stderr
    return stream["codec_name"], int(stream["sample_rate"]), stream["channels"], len(raw.stdout) / 32000


def pauses(seconds, at):
    """A tone with silence around some of its seconds."""
    whole = bytearray(wav(440, seconds))
    for second in at:
        begin = 44 + 32000 * second - 6400
        whole[begin:begin + 12800] = bytes(12800)
    return bytes(whole)


class Heard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sarai = Sarai({"omni": OMNI + ", mmproj_load: always", "lfm2": local("lfm2")}).start()
        cls.client = openai.OpenAI(base_url=cls.sarai.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.sarai.close()

    def test_what_is_spoken_is_heard_in_both_languages(self):
        for text, language, voice in ((SPANISH, "es", "alloy"), (ENGLISH, "en", "onyx")):
            spoken = self.client.audio.speech.create(model="tts-1", voice=voice, input=text, response_format="wav").read()
            codec, rate, channels, seconds = probe(spoken)
            self.assertEqual((codec, rate, channels), ("pcm_s16le", 24000, 1))
            self.assertGreater(seconds, 4)
            self.assertLess(seconds, 15)
            heard = self.client.audio.transcriptions.create(model="whisper-1", file=("a.wav", spoken), language=language, response_format="verbose_json",
                                                            timestamp_granularities=["segment"])
            self.assertAlmostEqual(heard.duration, seconds, delta=0.05)
            self.assertEqual(heard.language, language)
            self.assertTrue(heard.text)
            self.assertEqual([(s.start, s.end) for s in heard.segments], [(0.0, heard.duration)])

    def test_the_language_of_a_text_chooses_the_voice(self):
        for text, voice in ((SPANISH, "es+f1"), (ENGLISH, "en-us+f1")):
            self.assertEqual(say(self.sarai, text).headers["x-sarai-voice"], voice)
        self.assertEqual(say(self.sarai, ENGLISH, voice="en-gb").headers["x-sarai-voice"], "en-gb")
        self.assertEqual(say(self.sarai, SPANISH, voice={"id": "es-419"}).headers["x-sarai-voice"], "es-419")

    def test_every_format_is_what_it_says(self):
        lengths = {}
        for name, kind, codec, rate in (("mp3", "audio/mpeg", "mp3", 24000), ("opus", "audio/ogg", "opus", 48000), ("aac", "audio/aac", "aac", 24000),
                                        ("flac", "audio/flac", "flac", 24000), ("wav", "audio/wav", "pcm_s16le", 24000),
                                        ("pcm", "audio/pcm;rate=24000", "pcm_s16le", 24000)):
            reply = say(self.sarai, SPANISH, response_format=name)
            self.assertEqual((reply.status, reply.headers["content-type"]), (200, kind), reply.body[:200])
            raw = ("-f", "s16le", "-ar", "24000", "-ch_layout", "mono") if name == "pcm" else ()
            *told, seconds = probe(reply.body, *raw)
            self.assertEqual(told, [codec, rate, 1], name)
            lengths[name] = seconds
        self.assertLess(max(lengths.values()) - min(lengths.values()), 0.2, lengths)
        self.assertEqual(say(self.sarai).headers["content-type"], "audio/mpeg", "mp3 unless something else is said")

    def test_every_speed_is_reached(self):
        length = lambda speed: len(say(self.sarai, ENGLISH, response_format="pcm", speed=speed).body) / 48000
        usual = length(1)
        for speed in (0.25, 0.5, 2, 4):  # pauses between sentences shrink less than words
            self.assertAlmostEqual(length(speed) * speed / usual, 1, delta=0.4, msg=speed)

    def test_speech_is_streamed_as_events(self):
        events = self.sarai.stream("/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": ENGLISH, "voice": "nova", "response_format": "pcm", "stream_format": "sse"})
        self.assertEqual({event["type"] for event in events[:-1]}, {"speech.audio.delta"})
        self.assertEqual(events[-1]["type"], "speech.audio.done")
        self.assertGreater(len(events), 2)
        with self.client.audio.speech.with_streaming_response.create(model="tts-1", voice="nova", input=ENGLISH, response_format="pcm") as stream:
            self.assertGreater(sum(map(len, stream.iter_bytes())), 100000)

    def test_a_long_recording_is_cut_where_it_is_quiet(self):
        reply = hear(self.sarai, form(pauses(70, (26, 50)), model="omni", response_format="verbose_json"))
        self.assertEqual(reply.status, 200, reply.body)
        told = reply.json
        self.assertAlmostEqual(told["duration"], 70, places=2)
        segments = told["segments"]
        self.assertEqual(len(segments), 3)
        self.assertAlmostEqual(segments[0]["end"], 26, delta=0.25)
        self.assertAlmostEqual(segments[1]["end"], 50, delta=0.25)
        self.assertEqual([s["id"] for s in segments], [0, 1, 2])
        for one, next_one in zip(segments, segments[1:]):
            self.assertLess(one["start"], one["end"])
            self.assertLessEqual(one["end"], next_one["start"])
        self.assertEqual(segments[-1]["end"], told["duration"])
        self.assertEqual(told["text"], " ".join(s["text"] for s in segments))
        self.assertGreater(told["usage"]["input_tokens"], 0)

    def test_in_silence_nothing_is_heard(self):
        reply = hear(self.sarai, form(wav(0, 40), response_format="verbose_json"))
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual((reply.json["segments"], reply.json["text"]), ([], ""))
        self.assertAlmostEqual(reply.json["duration"], 40, delta=0.1)

    def test_long_recordings_stay_on_the_disk(self):
        flac = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=f=440:r=16000:d=2,apad=whole_dur=1700", "-f", "flac", "pipe:1"], capture_output=True).stdout
        self.assertLess(len(flac), 1e6)
        own = lambda: self.sarai.request("GET", "/sarai/status").json["ledger"]["own_anonymous_bytes"]
        first = own()
        most, seen = 0, threading.Event()

        def watch():
            nonlocal most
            while not seen.wait(0.05):
                most = max(most, own())
        watcher = threading.Thread(target=watch)
        watcher.start()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda _: hear(self.sarai, form(flac, name="a.flac", kind="audio/flac")), range(4)))
        seen.set()
        watcher.join()
        self.assertEqual([r.status for r in replies], [200] * 4)
        if not SANITIZED:  # which keeps what was freed
            self.assertLess(most - first, 40e6, "each of them has 54 MB of samples")

    def test_conversions_are_in_the_ledger_while_they_run(self):
        aac = 85 * subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=f=440:d=20", "-b:a", "24k", "-f", "adts", "pipe:1"], capture_output=True).stdout
        ledger = lambda: self.sarai.request("GET", "/sarai/status").json["ledger"]
        before = ledger()
        self.assertEqual(before["transient_bytes"], 0)
        connection = http.client.HTTPConnection("127.0.0.1", self.sarai.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/audio/transcriptions", form(aac, name="a.aac", kind="audio/aac"), {"Content-Type": "multipart/form-data; boundary=b"})
        # The body first, and until it has been converted.
        during = wait_until(lambda: (seen := ledger())["transient_bytes"] >= 64 << 20 and seen, "a conversion")
        self.assertEqual(during["reserved_bytes"], before["reserved_bytes"] + during["transient_bytes"])
        connection.close()  # which ends it
        wait_until(lambda: ledger()["transient_bytes"] == 0, "its end")
        self.assertEqual(ledger()["reserved_bytes"], before["reserved_bytes"])

    def test_every_form_of_what_is_heard(self):
        sound = wav(300, 1)
        self.assertEqual(set(hear(self.sarai, form(sound, model="omni")).json), {"text", "usage"})
        text = hear(self.sarai, form(sound, model="auto", response_format="text"))
        self.assertEqual(text.headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(text.body.decode().count("\n"), 1)
        srt = hear(self.sarai, form(sound, model="gpt-4o-transcribe", response_format="srt")).body.decode()
        self.assertRegex(srt, r"^1\n00:00:00,000 --> 00:00:01,000\n.+\n\n$")
        vtt = hear(self.sarai, form(sound, response_format="vtt"), "/v1/audio/translations").body.decode()
        self.assertRegex(vtt, r"^WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n.+\n\n$")
        translated = self.client.audio.translations.create(model="whisper-1", file=("a.wav", sound), response_format="verbose_json")
        self.assertEqual((translated.language, translated.duration), ("en", 1.0))

    def test_other_formats_are_heard(self):
        for arguments, kind in ((("-f", "mp3"), "audio/mpeg"), (("-c:a", "libopus", "-f", "ogg"), "audio/ogg"), (("-f", "flac"), "audio/flac"),
                                (("-c:a", "libopus", "-f", "webm"), "audio/webm"), (("-f", "adts"), "audio/aac")):
            made = subprocess.run(["ffmpeg", "-v", "error", "-i", "pipe:0", *arguments, "pipe:1"], input=wav(440, 2), capture_output=True, check=True)
            reply = hear(self.sarai, form(made.stdout, kind=kind, model="omni", response_format="verbose_json"))
            self.assertEqual(reply.status, 200, (arguments, reply.body))
            self.assertAlmostEqual(reply.json["duration"], 2, delta=0.15, msg=arguments)

    def test_what_is_heard_is_streamed(self):
        stream = self.client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", pauses(35, (27,))), stream=True)
        events = list(stream)
        self.assertEqual({event.type for event in events[:-1]}, {"transcript.text.delta"})
        self.assertEqual(events[-1].type, "transcript.text.done")
        self.assertEqual("".join(event.delta for event in events[:-1]), events[-1].text)

    def test_models_that_do_not_hear_or_speak_say_so(self):
        deaf = hear(self.sarai, form(wav(440), model="lfm2"))
        self.assertEqual((deaf.status, deaf.json["error"]["param"]), (400, "model"), deaf.body)
        self.assertIn("hears nothing", deaf.json["error"]["message"])
        self.assertEqual(hear(self.sarai, form(wav(440), model="nobody")).status, 404)
        mute = say(self.sarai, model="lfm2")
        self.assertEqual((mute.status, mute.json["error"]["param"]), (404, "model"), mute.body)
        for field, value in (("voice", "nobody"), ("input", "x" * 4097), ("speed", 9), ("response_format", "midi")):
            reply = say(self.sarai, **{"text": "x", field: value}) if field != "input" else say(self.sarai, value)
            self.assertEqual((reply.status, reply.json["error"]["param"]), (400, field), reply.body)

    def test_a_text_is_never_an_option_or_markup(self):
        for text in ("-w /tmp/x --path=/etc", "--version", "[[h@l'oU]] <speak>x</speak>", "\x00\x1b[31m…", "$(id) `id`; 'x' \"y\""):
            reply = say(self.sarai, text, response_format="wav")
            self.assertEqual(reply.status, 200, (text, reply.body[:200]))
            self.assertGreater(probe(reply.body)[3], 0.3, text)


class Refused(Case):
    def test_where_the_budget_has_no_room_for_speakers_nobody_speaks(self):
        sarai = self.serve({"lfm2": local("lfm2", "preload: true")}, memory="max_ram: 100MiB")
        wait_until(lambda: sarai.row("lfm2")["state"] == "ready", "the model")
        reply = say(sarai)
        self.assertEqual(reply.status, 503, reply.body)
        self.assertRegex(reply.json["error"]["message"], "no memory for speaking: it needs up to 64 MiB .* held by: sarai itself 32 MiB, lfm2")
        self.assertEqual(sarai.chat("lfm2").status, 200)

    def test_what_is_no_recording_is_refused_and_nothing_else_happens(self):
        sarai = self.serve({"omni": OMNI}, extra="media: {max_bytes: 1MiB}\n")
        good = wav(440)
        film = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=5", "-f", "matroska", "pipe:1"],
                              capture_output=True, check=True).stdout
        for file, kind, status, words in (
                (b"", "audio/wav", 400, "is empty"), (b"not a recording", "application/octet-stream", 400, "expected sound"),
                (bytes(range(256)) * 9, "", 400, "of no format that is known here"), (good[:30], "audio/wav", 400, "cannot be read"),
                (good[:44], "audio/wav", 400, "0 bytes of sound"), (b"ID3" + bytes(5000), "audio/mpeg", 400, ""), (b"OggS" + bytes(5000), "audio/ogg", 400, ""),
                (b"fLaC" + good, "audio/flac", 400, ""), (good, "audio/mpeg", 400, "says audio/mpeg, but its bytes are WAV"),
                (png("red"), "audio/wav", 400, "says audio/wav, but its bytes are PNG"), (png("red"), "image/png", 400, "is PNG; expected sound"),
                (film, "video/webm", 400, ""), (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "audio/mpeg", 400, ""),
                (b"%PDF-1.4", "application/pdf", 400, "PDF"),
                (wav(440, 40), "audio/wav", 413, "media.max_bytes")):
            reply = hear(sarai, form(file, kind=kind, model="omni"))
            self.assertEqual((reply.status, reply.json["error"]["param"]), (status, "file"), (file[:20], kind, reply.body))
            self.assertIn(words, reply.json["error"]["message"])
            self.assertNotIn("root:", reply.body.decode())
        for body, content_type, words in ((b"{}", "application/json", "expected multipart/form-data"), (form(good)[:-9], "multipart/form-data; boundary=b", "closing boundary"),
                                          (form(good), "multipart/form-data; boundary=c", "does not have its boundary"), (form(), "multipart/form-data; boundary=b", "'file' is missing"),
                                          (form(good, stream="maybe"), "multipart/form-data; boundary=b", "true or false"), (b"", "", "Content-Type")):
            reply = hear(sarai, body, content_type=content_type)
            self.assertEqual(reply.status, 400, reply.body)
            self.assertIn(words, reply.json["error"]["message"])
        self.assertEqual(sarai.workers(), [], "nobody was loaded for it")
        self.assertEqual(list((sarai.folder / "scratch").glob("*/media-*")), [], "no file stays")

    def test_recordings_for_a_server_that_does_not_answer_hold_up_the_others_no_longer_than_they_would_wait(self):
        dead = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(dead.close)
        sarai = self.serve({"far": f"backend: openai_http, endpoints: [{{url: 'http://127.0.0.1:{dead.getsockname()[1]}'}}], model: x", "omni": OMNI})
        waiting = [http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=60) for _ in range(4)]
        for connection in waiting:
            connection.request("POST", "/v1/audio/transcriptions", form(wav(440), model="far"), {"Content-Type": "multipart/form-data; boundary=b"})
        wait_until(lambda: len(list((sarai.folder / "scratch").glob("*/media-*/sound.wav"))) == 4, "four recordings to be on the disk")
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        begun = time.monotonic()
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440), model="omni"), kind | {"x-sarai-max-wait": "1s"})
        self.assertEqual(reply.status, 503, reply.body)
        self.assertIn("4 recordings", reply.json["error"]["message"])
        self.assertGreater(int(reply.headers["retry-after"]), 0)
        self.assertGreater(time.monotonic() - begun, 1)
        for connection in waiting:
            connection.close()
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440), model="omni"), kind | {"x-sarai-max-wait": "30s"})
        self.assertEqual(reply.status, 200, reply.body)

    def test_recordings_are_on_a_disk_of_their_own_and_those_of_a_killed_server_go_with_the_next(self):
        dead = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(dead.close)
        sarai = self.serve({"far": f"backend: openai_http, endpoints: [{{url: 'http://127.0.0.1:{dead.getsockname()[1]}'}}], model: x"})
        files = lambda: list((sarai.folder / "scratch").glob("sarai-media.*/media-*/sound.wav"))
        own = lambda: sarai.request("GET", "/sarai/status").json["ledger"]["own_anonymous_bytes"]
        sound = wav(440, 500)
        before = own()
        waiting = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=60)
        self.addCleanup(waiting.close)
        waiting.request("POST", "/v1/audio/transcriptions", form(sound, model="far"), {"Content-Type": "multipart/form-data; boundary=b"})
        wait_until(files, "a recording on the disk")
        (folder,) = (sarai.folder / "scratch").iterdir()
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual(list((sarai.folder / "run").glob("*/media-*")), [], "where memory may be")
        # The body has 16 MB, and is not kept beside the file.
        wait_until(lambda: own() - before < 8e6, "the body's memory to be given back")
        sarai.kill()
        self.assertTrue(folder.exists())
        sarai.start()
        self.assertFalse(folder.exists())
        (after,) = (sarai.folder / "scratch").iterdir()
        sarai.kill(signal.SIGTERM)
        self.assertFalse(after.exists())

    def test_a_server_that_may_write_nowhere_answers_with_text(self):
        sarai = Sarai({"lfm2": local("lfm2"), "omni": OMNI}, environment={"TMPDIR": "/proc/nowhere"}).start()
        self.addCleanup(sarai.close)
        self.assertEqual(sarai.chat("lfm2").status, 200)
        reply = hear(sarai, form(wav(440), model="omni"))
        self.assertEqual(reply.status, 500, reply.body)
        self.assertIn("/proc/nowhere", reply.json["error"]["message"])
        self.assertIn("recordings and films cannot be taken", sarai.log())
        self.assertIn("Set TMPDIR", sarai.log())

    def test_a_key_hears_and_speaks_as_far_as_it_may(self):
        sarai = self.serve({"omni": OMNI}, extra="access: {keys: {one: {variable: KEY, models: [espeak-ng]}}}\n", environment={"KEY": "s" * 32})
        allowed = {"Authorization": "Bearer " + "s" * 32}
        body = json.dumps({"model": "espeak-ng", "input": "x"})
        self.assertEqual(sarai.request("POST", "/v1/audio/speech", body, allowed).status, 200)
        self.assertEqual(sarai.request("POST", "/v1/audio/speech", body).status, 401)
        reply = sarai.request("POST", "/v1/audio/transcriptions", form(wav(440), model="omni"), allowed | {"Content-Type": "multipart/form-data; boundary=b"})
        self.assertEqual(reply.status, 403, reply.body)


class Streamed(Case):
    """With an espeak-ng before the real one, that is slow where the text says so."""

    def slow(self, **more):
        sarai = Sarai({"lfm2": local("lfm2")}, **more)
        self.addCleanup(sarai.close)
        bin = sarai.folder / "bin"
        bin.mkdir()
        for program in ("ffmpeg", "ffprobe", "llama-server", "cat", "sleep", "bash"):
            (bin / program).symlink_to(shutil.which(program))
        (bin / "espeak-ng").write_text(f"#!{shutil.which('bash')}\ntext=$(cat)\ncase $text in *slow*) sleep 30;; *broken*) echo 'no such voice' >&2; exit 1;; esac\n"
                                       f"printf '%s\\n' \"$text\" | {shutil.which('espeak-ng')} \"$@\"\n")
        (bin / "espeak-ng").chmod(0o755)
        sarai.environment = {"PATH": str(bin)}
        return sarai.start()

    def begin(self, sarai, text, **more):
        connection = http.client.HTTPConnection("127.0.0.1", sarai.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/audio/speech", json.dumps({"model": "tts-1", "input": text, "response_format": "pcm", **more}))
        return connection, connection.getresponse()

    TWO = "The first sentence is said at once, however long the rest takes. This one is slow, and nobody waits for it here."

    def test_the_first_sentence_leaves_while_the_second_is_spoken_and_who_leaves_ends_it(self):
        sarai = self.slow()
        begun = time.monotonic()
        connection, reply = self.begin(sarai, self.TWO)
        self.assertEqual(reply.status, 200)
        self.assertEqual(len(reply.read(48000)), 48000, "a second of sound")
        self.assertLess(time.monotonic() - begun, 20)
        busy = [name_of(child) for child in children_of(sarai.process.pid)]
        self.assertIn("ffmpeg", busy)
        connection.close()
        reply.close()
        wait_until(lambda: not [child for child in children_of(sarai.process.pid) if name_of(child) in ("ffmpeg", "espeak-ng", "sleep", "bash")], "the children to end")

    def test_so_many_speak_at_once_and_the_others_wait(self):
        sarai = self.slow(extra="speech: {at_once: 1, timeout: 3s}\n")
        _, first = self.begin(sarai, self.TWO)
        self.assertEqual(first.status, 200)
        begun = time.monotonic()
        second = say(sarai, "It is short.", response_format="pcm")
        self.assertEqual(second.status, 200)
        self.assertGreater(time.monotonic() - begun, 1, "it waited for the first one")
        with self.assertRaises((http.client.IncompleteRead, ConnectionResetError)):  # half of it is not the whole
            first.read()

    def test_what_goes_wrong_has_a_status_before_the_first_byte_and_an_event_after_it(self):
        sarai = self.slow(extra="speech: {timeout: 3s}\n")
        reply = say(sarai, "It is broken.")
        self.assertEqual(reply.status, 500, reply.body)
        self.assertIn("no such voice", reply.json["error"]["message"])
        reply = say(sarai, "It is slow.")
        self.assertEqual(reply.status, 504, reply.body)
        self.assertIn("speech.timeout", reply.json["error"]["message"])
        _, stream = self.begin(sarai, self.TWO, stream_format="sse")
        last = [json.loads(line[6:]) for line in stream.read().decode().splitlines() if line.startswith("data: ")][-1]
        self.assertIn("speech.timeout", last["error"]["message"])

    def test_without_espeak_it_says_what_to_install(self):
        sarai = self.slow()
        (sarai.folder / "bin" / "espeak-ng").unlink()
        reply = say(sarai)
        self.assertEqual((reply.status, reply.json["error"]["code"]), (501, "unsupported"), reply.body)
        self.assertIn("Debian: espeak-ng", reply.json["error"]["message"])

    def test_other_backends_are_refused_when_the_file_is_loaded(self):
        sarai = Sarai({"lfm2": local("lfm2")}, extra="speech: {backend: llama-tts, default_voice: de}\n")
        self.addCleanup(sarai.close)
        sarai.start(wait=False)
        self.assertEqual(sarai.process.wait(20), 2)
        self.assertIn("espeak-ng", sarai.log())
        self.assertIn("es-419", sarai.log())


if __name__ == "__main__":
    main()
