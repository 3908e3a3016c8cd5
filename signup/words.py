"""What the public pages say, in each of their languages. A page speaks one language, whatever the browser asks for."""

from dataclasses import dataclass

from signup.models import FormLanguage


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The sentences of the public pages and of the confirmation mail."""

    language: str
    other_language: str
    skip: str
    # The form.
    address: str
    name: str
    required: str
    none_chosen: str
    send: str
    errors: str
    missing: str
    wrong_address: str
    wrong_value: str
    too_quick: str
    agree: str
    default_heading: str
    # Not taken.
    closed_heading: str
    closed: str
    # After the request.
    sent_heading: str
    sent: str
    sent_hint: str
    # The mail.
    mail_subject: str
    mail_asked: str
    mail_press: str
    mail_days: str
    mail_else: str
    mail_agreed: str
    mail_sender: str
    mail_postal_address: str
    mail_contact: str
    # The confirmation.
    confirm_heading: str
    confirm_lead: str
    confirm_lists: str
    confirm_button: str
    confirm_hint: str
    done_heading: str
    done: str
    continue_link: str
    unknown_heading: str
    unknown: str
    unknown_hint: str
    refused_heading: str
    refused: str
    # The settings.
    settings_heading: str
    settings_lead: str
    settings_lists: str
    settings_no_lists: str
    settings_save: str
    settings_saved: str
    settings_all: str
    settings_all_hint: str
    settings_stopped: str
    settings_sample: str
    settings_unknown: str


JA = Words(
    language="ja",
    other_language="English",
    skip="本文へ移動",
    address="メールアドレス",
    name="お名前",
    required="必須",
    none_chosen="(選択してください)",
    send="登録を申し込む",
    errors="入力内容をご確認ください。",
    missing="入力してください。",
    wrong_address="メールアドレスの形式をご確認ください。",
    wrong_value="入力の形式をご確認ください。",
    too_quick="お手数ですが、もう一度「登録を申し込む」を押してください。",
    agree="%(sender)s からのお知らせメールを、入力したアドレスで受け取ることに同意します。",
    default_heading="メールマガジンの登録",
    closed_heading="受付を終了しました",
    closed="このフォームでは、現在お申し込みを受け付けていません。",
    sent_heading="確認メールをご覧ください",
    sent="登録できるアドレスには、確認メールをお送りします。メールの中のリンクを開き、「登録する」を押すと、登録が完了します。",
    sent_hint="届かないときは、迷惑メールのフォルダーと、アドレスに間違いがないかをご確認ください。同じアドレスへの確認メールは、1日に1通だけお送りします。",
    mail_subject="【%(sender)s】メール登録のご確認",
    mail_asked="次のフォームから、このアドレスでのメール登録のお申し込みがありました。",
    mail_press="登録を完了するには、次のページを開いて「登録する」を押してください。",
    mail_days="このリンクは、お申し込みから%(days)d日間使えます。",
    mail_else="お心当たりがないときは、何もなさらないでください。登録はされず、お申し込みの記録も消去します。",
    mail_agreed="ご同意いただく内容:",
    mail_sender="送信者:",
    mail_postal_address="住所:",
    mail_contact="お問い合わせ:",
    confirm_heading="メール登録の確認",
    confirm_lead="%(address)s の登録を完了します。",
    confirm_lists="受け取るメール",
    confirm_button="登録する",
    confirm_hint="このまま閉じれば、登録されません。",
    done_heading="登録が完了しました",
    done="%(address)s へメールをお送りします。いつでも、メールの中のリンクから配信を停止できます。",
    continue_link="サイトへ進む",
    unknown_heading="このリンクは使えません",
    unknown="リンクの一部が欠けているか、期限(お申し込みから7日間)が過ぎているか、登録の後に配信が停止されています。",
    unknown_hint="お手数ですが、登録フォームからもう一度お申し込みください。",
    refused_heading="登録できませんでした",
    refused="このアドレスには、メールをお送りしないことになっています。登録をご希望のときは、下のお問い合わせ先へご連絡ください。",
    settings_heading="メールの設定",
    settings_lead="%(address)s にお送りするメールを選べます。",
    settings_lists="受け取るメール",
    settings_no_lists="選べるメールはありません。",
    settings_save="設定を保存する",
    settings_saved="設定を保存しました。",
    settings_all="すべてのメールの配信を停止する",
    settings_all_hint="次のページで「配信を停止する」を押すと、%(sender)s からのメールはすべて届かなくなります。",
    settings_stopped="現在、このアドレスへの配信は停止しています。受け取るには、登録フォームからもう一度お申し込みください。",
    settings_sample="プレビューとテストメールのリンクなので、だれの設定も変わりません。実際のメールでは、ここに受信者ごとの設定が表示されます。",
    settings_unknown="リンクの一部が欠けているか、すでに記録が削除されています。メールの本文にあるリンクを、途中で切れないようにもう一度開いてください。",
)

EN = Words(
    language="en",
    other_language="日本語",
    skip="Skip to content",
    address="Email address",
    name="Name",
    required="required",
    none_chosen="(please choose)",
    send="Sign up",
    errors="Please check what you entered.",
    missing="Please fill in this field.",
    wrong_address="Please check the email address.",
    wrong_value="Please check the format.",
    too_quick="Please press “Sign up” once more.",
    agree="I agree to receive email from %(sender)s at the address I entered.",
    default_heading="Newsletter sign-up",
    closed_heading="Closed",
    closed="This form does not take sign-ups at the moment.",
    sent_heading="Please check your inbox",
    sent="If the address can be signed up, a confirmation email is on its way. Open the link in it and press the button to finish.",
    sent_hint="If nothing arrives, look into your spam folder and check the address for typing errors. We send one confirmation email a day to an address at most.",
    mail_subject="[%(sender)s] Please confirm your sign-up",
    mail_asked="Somebody asked for email to this address through this form:",
    mail_press="To finish, open this page and press “Confirm”.",
    mail_days="The link works for %(days)d days after the request.",
    mail_else="If it was not you, do nothing. You will not be signed up, and the record of the request is deleted.",
    mail_agreed="What you agree to:",
    mail_sender="Sender:",
    mail_postal_address="Address:",
    mail_contact="Contact:",
    confirm_heading="Confirm your sign-up",
    confirm_lead="You are about to sign up %(address)s.",
    confirm_lists="You will receive",
    confirm_button="Confirm",
    confirm_hint="If you close this page, nothing happens.",
    done_heading="You are signed up",
    done="We will write to %(address)s. You can stop at any time by the link in each email.",
    continue_link="Continue to the site",
    unknown_heading="This link does not work",
    unknown="A part of the link is missing, or it is too old (seven days after the request).",
    unknown_hint="Please use the sign-up form once more.",
    refused_heading="Sign-up not possible",
    refused="We have been told not to write to this address. If you would like to sign up, please contact us below.",
    settings_heading="Email settings",
    settings_lead="Choose what we send to %(address)s.",
    settings_lists="You receive",
    settings_no_lists="There is nothing to choose.",
    settings_save="Save settings",
    settings_saved="Your settings are saved.",
    settings_all="Unsubscribe from everything",
    settings_all_hint="On the next page, press the button to stop all email from %(sender)s.",
    settings_stopped="We do not write to this address at present. To receive email again, please use the sign-up form.",
    settings_sample="This is the link of a preview or a test mail and changes nobody's settings. In real mails each recipient sees their own.",
    settings_unknown="A part of the link is missing, or the record was deleted. Please open the link of the mail once more.",
)

WORDS = {FormLanguage.JA.value: JA, FormLanguage.EN.value: EN}


def words_preferred(accepted: str) -> Words:
    """Return the words of the first language that a browser names and we have (Accept-Language, RFC 9110 section 12.5.4).

    Browsers name the one their owner likes best first.
    """
    named = (part.strip()[:2].lower() for part in accepted.split(","))
    return next((WORDS[language] for language in named if language in WORDS), JA)


def words_in(language: str) -> Words:
    """Return the words of a language (FormLanguage), Japanese for one that is not known."""
    return WORDS.get(language, JA)
