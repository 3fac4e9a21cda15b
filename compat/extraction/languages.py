"""The names of languages by their code, for people."""

from __future__ import annotations

_NAMES = """
aa Afar|ab Abkhaz|af Afrikaans|ak Akan|am Amharic|an Aragonese|ar Arabic|as Assamese|ast Asturian|az Azerbaijani
ba Bashkir|be Belarusian|bg Bulgarian|bho Bhojpuri|bm Bambara|bn Bengali|bo Tibetan|br Breton|bs Bosnian|ca Catalan
ceb Cebuano|ckb Central Kurdish|co Corsican|cs Czech|cv Chuvash|cy Welsh|da Danish|de German|dv Divehi|dz Dzongkha
ee Ewe|el Greek|en English|eo Esperanto|es Spanish|et Estonian|eu Basque|fa Persian|ff Fula|fi Finnish|fil Filipino
fj Fijian|fo Faroese|fon Fon|fr French|fur Friulian|fy Western Frisian|ga Irish|gd Scottish Gaelic|gl Galician
gn Guarani|gu Gujarati|gv Manx|ha Hausa|haw Hawaiian|he Hebrew|hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian
hy Armenian|ia Interlingua|id Indonesian|ig Igbo|is Icelandic|it Italian|iu Inuktitut|iw Hebrew|ja Japanese
jv Javanese|jw Javanese|ka Georgian|ki Kikuyu|kk Kazakh|km Khmer|kn Kannada|ko Korean|ks Kashmiri|ku Kurdish
kw Cornish|ky Kyrgyz|la Latin|lb Luxembourgish|lg Ganda|ln Lingala|lo Lao|lt Lithuanian|lv Latvian|mg Malagasy
mi Maori|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|multilingual many languages
my Burmese|nb Norwegian Bokmål|ne Nepali|nl Dutch|nn Norwegian Nynorsk|no Norwegian|ny Chichewa|oc Occitan|om Oromo
or Odia|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|pt-br Brazilian Portuguese|qu Quechua|rn Kirundi|ro Romanian
ru Russian|rw Kinyarwanda|sa Sanskrit|sd Sindhi|sh Serbo-Croatian|si Sinhala|sk Slovak|sl Slovenian|sn Shona|so Somali
sq Albanian|sr Serbian|st Sesotho|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|ti Tigrinya
tk Turkmen|tl Tagalog|tn Tswana|tr Turkish|ts Tsonga|tt Tatar|tw Twi|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek
vi Vietnamese|wo Wolof|xh Xhosa|yi Yiddish|yo Yoruba|yue Cantonese|zh Chinese|zu Zulu
"""
LANGUAGES = dict(entry.split(" ", 1) for line in _NAMES.strip().splitlines() for entry in line.split("|"))


def language_label(code: str) -> str:
    """A language's English name, or the code as it stands where it is not a common one."""
    return LANGUAGES.get(code, code)
